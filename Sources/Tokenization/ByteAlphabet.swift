/// The printable characters by which GPT-2 writes bytes in its vocabulary.
enum ByteAlphabet {
    /// The character of each byte, in UTF-8.
    static let names: [[UInt8]] = {
        var next: UInt32 = 256
        return (0..<256).map { (byte: UInt32) -> [UInt8] in
            let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            let scalar = isPrintable ? byte : next
            if !isPrintable { next += 1 }
            return Unicode.Scalar(scalar).map { Array(String($0).utf8) } ?? []
        }
    }()
}
