/// The code point at the start of `text` and its length in bytes; U+FFFD and 1 where the bytes are not UTF-8.
@inline(__always)
func decodeUTF8(_ text: UnsafePointer<UInt8>, count: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[0])
    if first < 0x80 { return (first, 1) }
    func tail(_ index: Int) -> UInt32? {
        guard index < count, text[index] & 0xC0 == 0x80 else { return nil }
        return UInt32(text[index] & 0x3F)
    }
    switch first {
    case 0xC2...0xDF:
        if let a = tail(1) { return ((first & 0x1F) << 6 | a, 2) }
    case 0xE0...0xEF:
        if let a = tail(1), let b = tail(2) {
            let scalar = (first & 0xF) << 12 | a << 6 | b
            if scalar >= 0x800 && !(0xD800..<0xE000).contains(scalar) { return (scalar, 3) }
        }
    case 0xF0...0xF4:
        if let a = tail(1), let b = tail(2), let c = tail(3) {
            let scalar = (first & 7) << 18 | a << 12 | b << 6 | c
            if (0x10000..<0x110000).contains(scalar) { return (scalar, 4) }
        }
    default: break
    }
    return (0xFFFD, 1)
}

/// The length of the code point that starts with a byte, in valid UTF-8.
@inline(__always)
func scalarLength(_ first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

/// Writes a code point; returns the bytes written, at most 4.
@inline(__always)
func encodeUTF8(_ scalar: UInt32, to out: UnsafeMutablePointer<UInt8>) -> Int {
    func tail(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: scalar >> shift & 0x3F | 0x80) }
    switch scalar {
    case 0..<0x80:
        out[0] = UInt8(truncatingIfNeeded: scalar)
        return 1
    case 0x80..<0x800:
        out[0] = UInt8(truncatingIfNeeded: scalar >> 6 | 0xC0)
        out[1] = tail(0)
        return 2
    case 0x800..<0x10000:
        out[0] = UInt8(truncatingIfNeeded: scalar >> 12 | 0xE0)
        out[1] = tail(6)
        out[2] = tail(0)
        return 3
    default:
        out[0] = UInt8(truncatingIfNeeded: scalar >> 18 | 0xF0)
        out[1] = tail(12)
        out[2] = tail(6)
        out[3] = tail(0)
        return 4
    }
}
