/// Other float formats to 32-bit floats.
public enum FloatConversion {
    /// Converts as many numbers as `destination` has room for; `bytes` must hold that many, at any alignment.
    ///
    /// - Returns: False if `type` is no float format of 16 bits or more.
    static func convert(
        _ bytes: UnsafeRawBufferPointer, of type: TensorType, into destination: UnsafeMutableBufferPointer<Float>
    ) -> Bool {
        precondition(bytes.count == destination.count * type.size, "tensor and destination differ in size")
        guard let source = bytes.baseAddress, let target = destination.baseAddress else {
            return [.f16, .bf16, .f32, .f64].contains(type)
        }
        switch type {
        case .f32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes.count)
        case .f64:
            for i in 0..<destination.count {
                target[i] = Float(source.loadUnaligned(fromByteOffset: 8 * i, as: Double.self))
            }
        case .bf16:
            for i in 0..<destination.count {
                let bits = source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
                target[i] = Float(bitPattern: UInt32(bits) << 16)
            }
        case .f16:
            for i in 0..<destination.count {
                target[i] = half(source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
            }
        default: return false
        }
        return true
    }

    /// IEEE 754 half precision to single, exactly. By hand, so as to need no help from the C runtime.
    public static func half(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10) & 0x1F
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:
            // Zero and subnormals: the fraction counts units of 2^-24.
            let magnitude = Float(fraction) * 0x1p-24
            return Float(bitPattern: magnitude.bitPattern | sign)
        case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }
}
