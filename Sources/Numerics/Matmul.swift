import COneDNN
import Foundation

/// Matrix products of row-major float32 matrices, by oneDNN, on the calling thread alone.
///
/// Every oneDNN call of Shoal is in this file: its C interface changed between version 2 and version 3, and only what
/// both have is used.
public enum Matmul {
    /// `c = alpha * op(a) * op(b) + beta * c` with op(a) of (m, k), op(b) of (k, n) and c of (m, n).
    ///
    /// - Parameters:
    ///   - transposeA: `a` is stored as (k, m).
    ///   - transposeB: `b` is stored as (n, k).
    ///   - lda: Floats from one stored row of `a` to the next; likewise `ldb` and `ldc`.
    ///   - beta: 0 overwrites `c` without reading it.
    ///
    /// The bits of the result depend on the shapes and on the CPU's instruction set, and on nothing else: one thread
    /// computes it (see ``useOneThread()``).
    @inline(__always)
    public static func multiply(
        transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
        a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
        c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        guard m > 0, n > 0 else { return }
        let status = dnnl_sgemm(
            transposeA ? 84 : 78, transposeB ? 84 : 78,  // 'T' and 'N'
            dnnl_dim_t(m), dnnl_dim_t(n), dnnl_dim_t(k), alpha, a, dnnl_dim_t(lda), b, dnnl_dim_t(ldb), beta, c,
            dnnl_dim_t(ldc))
        precondition(
            status == dnnl_success, "dnnl_sgemm refused (m \(m), n \(n), k \(k)) with status \(status.rawValue)")
    }

    /// Tells oneDNN to use the calling thread alone, from now on, for products that this thread asks for.
    ///
    /// oneDNN on Debian runs on OpenMP, whose number of threads is a setting of each thread. A product that is split
    /// over threads may be summed in an order that depends on their number.
    public static func useOneThread() { setOpenMPThreads?(1) }

    private static let setOpenMPThreads: (@convention(c) (Int32) -> Void)? = {
        // oneDNN brings the OpenMP runtime along; linking to it directly would tie us to the compiler's flavour of it.
        guard let symbol = dlsym(nil, "omp_set_num_threads") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)
    }()

    /// The version of oneDNN at hand, such as `2.6.3`.
    public static var libraryVersion: String {
        guard let version = dnnl_version() else { return "unknown" }
        return "\(version.pointee.major).\(version.pointee.minor).\(version.pointee.patch)"
    }
}
