/// The checksum of zip archives: CRC-32 of ISO 3309 (polynomial 0x04C11DB7, reflected), by tables of 8 bytes at once
/// (Kounavis and Berry 2005).
enum CRC32 {
    /// 8 tables of 256: table t is for a byte that t bytes follow.
    private static let table: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var rest = UInt32(byte)
            for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0xEDB8_8320 : rest >> 1 }
            table[byte] = rest
        }
        for i in 256..<table.count { table[i] = table[i - 256] >> 8 ^ table[Int(table[i - 256] & 255)] }
        return table
    }()

    /// That of these bytes.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            var rest = ~UInt32(0)
            var at = 0
            while at + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ UInt64(rest)
                rest = 0
                for i in 0..<8 { rest ^= table[(7 - i) << 8 | Int(truncatingIfNeeded: word >> (8 * UInt64(i)) & 255)] }
                at += 8
            }
            for byte in bytes[at...] { rest = rest >> 8 ^ table[Int((rest ^ UInt32(byte)) & 255)] }
            return ~rest
        }
    }
}
