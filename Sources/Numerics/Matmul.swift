import COneDNN
import Foundation

/// Matrix products of row-major matrices, by oneDNN, on the calling thread alone.
///
/// Every oneDNN call of Shoal is in this file and in the shim that it imports. The bits of a product depend on its
/// shapes and types and on the CPU's instruction set, and on nothing else: one thread computes it.
///
/// oneDNN makes machine code for a shape, which takes about 0.1 ms; an instance keeps what was made. It is used by one
/// thread at a time.
public final class Matmul {
    private struct Shape: Hashable {
        var m, n, k, lda, ldb, ldc: Int32
        /// Transposed a and b, bias, accumulation, types.
        var flags: UInt8
    }

    /// How many recent shapes are kept at least, and half of the most that are; some 50 KB each.
    private static let recent = 768
    /// oneDNN's engines may be used by several threads at a time.
    private struct Engine: @unchecked Sendable { let handle: dnnl_engine_t }
    private static let engine: Engine = {
        var engine: dnnl_engine_t?
        let status = dnnl_engine_create(&engine, dnnl_cpu, 0)
        guard status == dnnl_success, let engine else {
            preconditionFailure("oneDNN has no CPU engine (status \(status.rawValue))")
        }
        // What instances keep they keep themselves; this much lets threads share what they make at the same time.
        dnnl_set_primitive_cache_capacity(128)
        return Engine(handle: engine)
    }()

    private let stream: dnnl_stream_t
    /// Shapes in use since ``older`` was last filled, and those in use before: when the first are too many they become
    /// the second, and what was not used in between goes.
    private var newer: [Shape: shoal_product] = [:]
    private var older: [Shape: shoal_product] = [:]
    private var scratchpad: UnsafeMutableRawPointer?
    private var scratchpadBytes = 0
    /// The products that were computed so far.
    public private(set) var productCount = 0

    /// Nothing is made yet.
    public init() {
        Self.useOneThread()
        var stream: dnnl_stream_t?
        let status = dnnl_stream_create(&stream, Self.engine.handle, UInt32(dnnl_stream_default_flags.rawValue))
        guard status == dnnl_success, let stream else {
            preconditionFailure("oneDNN has no stream (status \(status.rawValue))")
        }
        self.stream = stream
    }

    deinit {
        Self.free(newer)
        Self.free(older)
        dnnl_stream_destroy(stream)
        scratchpad?.deallocate()
    }

    private static func free(_ products: [Shape: shoal_product]) {
        for var product in products.values { shoal_product_free(&product) }
    }

    private func product(_ key: Shape, _ input: MatrixType, _ output: MatrixType) -> shoal_product {
        if let known = newer[key] { return known }
        if newer.count >= Self.recent {
            Self.free(older)
            older = newer
            newer = [:]
        }
        let product = older.removeValue(forKey: key) ?? make(key, input, output)
        newer[key] = product
        return product
    }

    /// `rows` rounded up, by an eightieth on average at the most, so that products of many rows come in few shapes:
    /// every micro-batch has another number of tokens, and a product is made for each shape.
    public static func paddedRows(_ rows: Int) -> Int {
        guard rows >= 2 * rowGrain else { return rows }
        let grain = 1 << (Int.bitWidth - 1 - (rows / rowGrain).leadingZeroBitCount)
        return (rows + grain - 1) / grain * grain
    }

    private static let rowGrain = 64

    /// `c = op(a) op(b) + bias`, or `c += …`, with op(a) of (m, k), op(b) of (k, n) and c of (m, n).
    ///
    /// Products of bfloat16 are summed in float32, whatever `c` is made of.
    ///
    /// - Parameters:
    ///   - transposeA: `a` is stored as (k, m).
    ///   - transposeB: `b` is stored as (n, k).
    ///   - lda: Elements from one stored row of `a` to the next; likewise `ldb` and `ldc`.
    ///   - bias: (n), added to every row; nil for none.
    ///   - accumulate: Adds to `c`, which is not read otherwise.
    public func multiply<Input: MatrixElement, Output: MatrixElement>(
        transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, a: UnsafePointer<Input>, lda: Int,
        b: UnsafePointer<Input>, ldb: Int, bias: UnsafePointer<Float>? = nil, accumulate: Bool = false,
        c: UnsafeMutablePointer<Output>, ldc: Int
    ) {
        guard m > 0, n > 0 else { return }
        productCount += 1
        if k == 0, bias == nil {
            // oneDNN may leave what is there. An empty sum is zero.
            guard !accumulate else { return }
            for row in 0..<m { memset(c + row * ldc, 0, n * MemoryLayout<Output>.stride) }
            return
        }
        // Measured on Zen 4: in float32 sgemm is as fast as anything unless b alone is transposed. It needs nothing
        // made for a shape, so it also takes the small products of attention, whose shapes are many.
        if Input.matrixType == .float32, Output.matrixType == .float32, bias == nil,
            transposeA || !transposeB || k < 128
        {
            let status = dnnl_sgemm(
                transposeA ? 84 : 78, transposeB ? 84 : 78,  // 'T' and 'N'
                dnnl_dim_t(m), dnnl_dim_t(n), dnnl_dim_t(k), 1, UnsafeRawPointer(a).assumingMemoryBound(to: Float.self),
                dnnl_dim_t(lda), UnsafeRawPointer(b).assumingMemoryBound(to: Float.self), dnnl_dim_t(ldb),
                accumulate ? 1 : 0, UnsafeMutableRawPointer(c).assumingMemoryBound(to: Float.self), dnnl_dim_t(ldc))
            precondition(status == dnnl_success, "dnnl_sgemm refused \(m) x \(n) x \(k): status \(status.rawValue)")
            return
        }
        let flags: UInt8 =
            (transposeA ? 1 : 0) | (transposeB ? 2 : 0) | (bias != nil ? 4 : 0) | (accumulate ? 8 : 0)
            | (Input.matrixType == .bfloat16 ? 16 : 0) | (Output.matrixType == .bfloat16 ? 32 : 0)
        let key = Shape(
            m: Int32(m), n: Int32(n), k: Int32(k), lda: Int32(lda), ldb: Int32(ldb), ldc: Int32(ldc), flags: flags)
        var product = product(key, Input.matrixType, Output.matrixType)
        let status = shoal_product_run(&product, stream, a, b, bias, c, scratchpad)
        precondition(status == dnnl_success, "oneDNN refused \(m) x \(n) x \(k): status \(status.rawValue)")
    }

    private func make(_ key: Shape, _ input: MatrixType, _ output: MatrixType) -> shoal_product {
        let (transposeA, transposeB) = (key.flags & 1 != 0, key.flags & 2 != 0)
        let (lda, ldb) = (dnnl_dim_t(key.lda), dnnl_dim_t(key.ldb))
        var shape = shoal_product_shape(
            m: dnnl_dim_t(key.m), n: dnnl_dim_t(key.n), k: dnnl_dim_t(key.k), a_row: transposeA ? 1 : lda,
            a_column: transposeA ? lda : 1, b_row: transposeB ? 1 : ldb, b_column: transposeB ? ldb : 1,
            c_row: dnnl_dim_t(key.ldc), input: input.code, output: output.code, has_bias: key.flags & 4 != 0 ? 1 : 0,
            accumulates: key.flags & 8 != 0 ? 1 : 0)
        var product = shoal_product()
        // The number of threads at hand goes into what is made.
        Self.useOneThread()
        let status = shoal_product_make(&product, &shape, Self.engine.handle)
        precondition(status == dnnl_success, "oneDNN cannot make \(shape): status \(status.rawValue)")
        if product.scratchpad_bytes > scratchpadBytes {
            scratchpad?.deallocate()
            scratchpadBytes = product.scratchpad_bytes
            scratchpad = .allocate(byteCount: scratchpadBytes, alignment: 64)
        }
        return product
    }

    /// Makes oneDNN use the calling thread alone, from now on, for products that this thread asks for.
    ///
    /// oneDNN on Debian runs on OpenMP, whose number of threads is a setting of each thread. A product that is split
    /// over threads may be summed in an order that depends on their number.
    public static func useOneThread() { setOpenMPThreads?(1) }

    private static let setOpenMPThreads: (@convention(c) (Int32) -> Void)? = {
        // oneDNN brings the OpenMP runtime along; linking to it directly would tie us to the compiler's flavour of it.
        guard let symbol = dlsym(nil, "omp_set_num_threads") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)
    }()

    /// The version of oneDNN, by which products may differ in their bits.
    public static let libraryVersion: String = {
        var version: [Int32] = [0, 0, 0]
        shoal_onednn_version(&version)
        return version.map { "\($0)" }.joined(separator: ".")
    }()

    /// Whether this processor multiplies bfloat16 in hardware: AVX512-BF16 or AMX.
    public static var hasBFloat16: Bool { shoal_onednn_has_bf16() != 0 }
}
