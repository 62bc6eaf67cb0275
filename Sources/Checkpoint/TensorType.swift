/// The number formats of safetensors files whose elements fill whole bytes.
public enum TensorType: String, Sendable, Codable, CaseIterable {
    // In the order of the safetensors library, which writes tensors from the last of these to the first.
    /// Truth values, a byte each.
    case bool = "BOOL"
    /// Unsigned bytes.
    case u8 = "U8"
    /// Signed bytes.
    case i8 = "I8"
    /// 8-bit floats with 5 bits of exponent.
    case f8e5m2 = "F8_E5M2"
    /// 8-bit floats with 4 bits of exponent.
    case f8e4m3 = "F8_E4M3"
    /// 8-bit powers of two.
    case f8e8m0 = "F8_E8M0"
    /// Signed 16-bit integers.
    case i16 = "I16"
    /// Unsigned 16-bit integers.
    case u16 = "U16"
    /// IEEE 754 half precision.
    case f16 = "F16"
    /// The upper half of a 32-bit float.
    case bf16 = "BF16"
    /// Signed 32-bit integers.
    case i32 = "I32"
    /// Unsigned 32-bit integers.
    case u32 = "U32"
    /// IEEE 754 single precision.
    case f32 = "F32"
    /// Pairs of 32-bit floats.
    case c64 = "C64"
    /// IEEE 754 double precision.
    case f64 = "F64"
    /// Signed 64-bit integers.
    case i64 = "I64"
    /// Unsigned 64-bit integers.
    case u64 = "U64"

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .c64, .f64, .i64, .u64: 8
        }
    }

    /// Bytes of a tensor of this type and shape, or nil if that is more than an `Int` holds or a size is negative.
    public func byteCount(shape: [Int]) -> Int? {
        var total = size
        for length in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: length)
            guard length >= 0, !overflow else { return nil }
            total = product
        }
        return total
    }

    /// The place in the order above.
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
