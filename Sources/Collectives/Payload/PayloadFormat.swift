import Numerics

/// How the floats of a payload are laid out; the byte 7 of the header of a contribution or a result.
///
/// | value | payload of n floats |
/// |---|---|
/// | 0 | n float32 |
/// | 1 | n bfloat16 |
/// | 2 | float32, compressed: `u32` c, c bytes of exponents, n bytes of signs and high mantissas, n `u16` of low ones |
/// | 3 | bfloat16, compressed: `u32` c, c bytes of exponents, n bytes of signs and mantissas |
/// | 4 | a ``MemoryReference`` to n float32 (``reference``) |
///
/// Exponents are a frame of Zstandard over one byte a float: in a gradient they repeat so much that 8 bits become
/// about 3, while signs and mantissas are as good as random and stay as they are.
struct PayloadFormat: Equatable {
    var wire: WirePrecision
    var isCompressed: Bool

    /// The code of payloads that are read in the sender's memory.
    static let reference: UInt8 = 4

    init(wire: WirePrecision, isCompressed: Bool) {
        self.wire = wire
        self.isCompressed = isCompressed
    }

    init?(code: UInt8) {
        guard code < 4 else { return nil }
        self.init(wire: code & 1 == 0 ? .float32 : .bf16, isCompressed: code & 2 != 0)
    }

    var code: UInt8 { (wire == .bf16 ? 1 : 0) | (isCompressed ? 2 : 0) }

    private var plainFloatBytes: Int { wire == .float32 ? 4 : 2 }
    /// Bytes a float of what is not compressed in a compressed payload.
    private var restFloatBytes: Int { plainFloatBytes - 1 }

    /// Bytes of `count` floats that are not compressed.
    func plainBytes(_ count: Int) -> Int { count * plainFloatBytes }

    /// Whether a payload of `bytes` may hold `count` floats.
    func fits(_ bytes: Int, count: Int) -> Bool {
        guard isCompressed else { return bytes == plainBytes(count) }
        // A compressed one is only sent where it is shorter.
        return bytes > 4 + restBytes(count) && bytes < plainBytes(count)
    }

    /// Bytes of signs and mantissas in a compressed payload.
    func restBytes(_ count: Int) -> Int { count * restFloatBytes }
}
