import CKernels

/// Sums and products of long vectors of doubles, with a fixed order of summation.
enum Vectors {
    /// The sum of a[i] b[i].
    static func dot(_ a: [Double], _ b: [Double]) -> Double {
        precondition(a.count == b.count)
        return a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                guard let a = a.baseAddress, let start = b.baseAddress else { return 0 }
                return shoal_dot_double(a, start, b.count)
            }
        }
    }

    /// y += factor x.
    static func add(_ factor: Double, _ x: [Double], to y: inout [Double]) {
        precondition(x.count == y.count)
        x.withUnsafeBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in
                guard let start = x.baseAddress, let y = y.baseAddress else { return }
                shoal_add_scaled_double(y, factor, start, x.count)
            }
        }
    }

    /// a + factor b.
    static func sum(_ a: [Double], _ factor: Double, _ b: [Double]) -> [Double] {
        var result = a
        add(factor, b, to: &result)
        return result
    }
}
