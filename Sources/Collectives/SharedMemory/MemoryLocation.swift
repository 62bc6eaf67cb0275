/// Where a peer finds what a ``SharedMemoryExporter`` publishes for it: 24 bytes, little-endian: process id, and the
/// addresses of the challenge and of the stamp in that process.
struct MemoryLocation: Equatable {
    static let byteCount = 24
    var pid: UInt64
    var challenge: UInt64
    var stamp: UInt64

    init(pid: UInt64, challenge: UInt64, stamp: UInt64) {
        (self.pid, self.challenge, self.stamp) = (pid, challenge, stamp)
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = LittleEndianWords.decode(bytes)
        self.init(pid: words[0], challenge: words[1], stamp: words[2])
    }

    var encoded: [UInt8] { LittleEndianWords.encode([pid, challenge, stamp]) }
}

/// Lent memory, named instead of sent: 16 bytes, little-endian: the address in the sender's process, and the stamp of
/// the epoch in which it holds.
struct MemoryReference: Equatable {
    static let byteCount = 16
    var address: UInt64
    var stamp: UInt64

    init(_ floats: UnsafePointer<Float>, stamp: UInt64) {
        (address, self.stamp) = (UInt64(UInt(bitPattern: floats)), stamp)
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = LittleEndianWords.decode(bytes)
        (address, stamp) = (words[0], words[1])
    }

    var encoded: [UInt8] { LittleEndianWords.encode([address, stamp]) }
}

private enum LittleEndianWords {
    static func encode(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in withUnsafeBytes(of: word.littleEndian, Array.init) }
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        stride(from: 0, to: bytes.count - 7, by: 8).map {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
        }
    }
}
