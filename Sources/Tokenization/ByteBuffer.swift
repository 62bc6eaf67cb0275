/// Bytes that grow and whose memory is used again; for one thread at a time.
final class ByteBuffer {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// How many bytes are in use.
    private(set) var count = 0

    init() {
        capacity = 256
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// Whether there is so much memory that keeping it would be a waste.
    var isLarge: Bool { capacity > 1 << 20 }

    func removeAll() { count = 0 }

    /// The memory, empty and with room for so many bytes, to be written directly.
    func room(for bytes: Int) -> UnsafeMutablePointer<UInt8> {
        count = 0
        reserve(bytes)
        return base
    }

    /// Makes room for so many more bytes.
    @inline(__always)
    func reserve(_ more: Int) {
        if count &+ more > capacity { grow(more) }
    }

    private func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count &+= 1
    }

    @inline(__always)
    func append(_ bytes: UnsafePointer<UInt8>, count more: Int) {
        reserve(more)
        (base + count).update(from: bytes, count: more)
        count &+= more
    }

    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let start = bytes.baseAddress { append(start, count: bytes.count) }
    }

    func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    @inline(__always)
    func append(scalar: UInt32) {
        reserve(4)
        count &+= encodeUTF8(scalar, to: base + count)
    }
}

/// The number of bytes at the start that are ASCII.
@inline(__always)
func asciiPrefix(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    guard let base = text.baseAddress else { return 0 }
    var index = 0
    while index &+ 8 <= text.count {
        let word = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        index &+= 8
    }
    while index < text.count, base[index] < 0x80 { index &+= 1 }
    return index
}

/// Whether the bytes are well-formed UTF-8.
func isValidUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let base = text.baseAddress else { return true }
    var index = asciiPrefix(text)
    while index < text.count {
        if base[index] < 0x80 {
            index &+= 1
            continue
        }
        let (_, length) = decodeUTF8(base + index, count: text.count - index)
        if length == 1 { return false }
        index &+= length
    }
    return true
}
