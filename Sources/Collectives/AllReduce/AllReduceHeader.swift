import Foundation

/// The header frame of every message between the ranks: 64 bytes, little-endian, no padding.
///
/// | bytes | type | field |
/// |---|---|---|
/// | 0-3 | `u32` | magic, "SHAR" (0x52414853) |
/// | 4-5 | `u16` | version, 4 |
/// | 6 | `u8` | 1 hello, 2 welcome, 3 refusal, 4 begin, 5 contribution, 6 result, 7 piggyback, 8 reader, 9 taken |
/// | 7 | `u8` | reason of a refusal: 1 version, 2 generation, 3 world size, 4 segment size, 5 rank, 6 wire format |
/// | | | or the format of the payload (hello, contribution, result): see `PayloadFormat`; else 0 |
/// | 8-15 | `u64` | generation |
/// | 16-23 | `u64` | step |
/// | 24-27 | `u32` | rank of the sender |
/// | 28-31 | `u32` | bucket |
/// | 32-35 | `u32` | level of the node (contribution) |
/// | 36-39 | `u32` | index of the node (contribution) |
/// | 40-47 | `u64` | offset of the segment in the flat gradient, in floats |
/// | 48-51 | `u32` | floats of the segment; bytes of the piggyback |
/// | 52-55 | `u32` | world size |
/// | 56-59 | `u32` | floats of the largest segment |
/// | 60-63 | `u32` | partial sums that follow the header (result) |
///
/// Fields without a meaning for a kind are zero. A *hello* opens a connection and is answered on it by a *welcome* or a
/// *refusal*; *begin* says that a rank that owns nothing has begun a step: these are a header alone. A *contribution*
/// has a second frame, the floats (little-endian). A *result* too; its header is followed, in the same frame, by one
/// float64 for each 4096 floats, the sum of their squares. A *piggyback* has a second frame, its bytes; each rank sends
/// one to every other in every step.
///
/// Between processes of one machine floats need not travel. A hello may have a second frame, a challenge of 16 bytes;
/// then the welcome has one too, a `MemoryLocation`, where the challenge can be read. Who has read it there says
/// *reader*, and from then on is sent contributions and results whose second frame, under the format 4, is a
/// `MemoryReference`. It says *taken*, with the step, for each that it has read.
struct AllReduceHeader: Equatable {
    enum Kind: UInt8 {
        case hello = 1
        case welcome = 2
        case refusal = 3
        case begin = 4
        case contribution = 5
        case result = 6
        case piggyback = 7
        case reader = 8
        case taken = 9
    }

    enum Reason: UInt8 {
        case version = 1
        case generation = 2
        case worldSize = 3
        case segmentSize = 4
        case rank = 5
        case wireFormat = 6

        var text: String {
            switch self {
            case .version: "it speaks another version of the protocol; install the same release everywhere"
            case .generation: "it is in another generation"
            case .worldSize: "it counts another number of ranks"
            case .segmentSize: "it cuts segments of another size"
            case .rank: "it does not expect this rank"
            case .wireFormat: "it sends gradients in another format"
            }
        }
    }

    static let byteCount = 64
    /// Where ``code`` stands.
    static let codeByte = 7
    static let magic: UInt32 = 0x5241_4853
    static let currentVersion: UInt16 = 4

    /// A node of the tree.
    struct Node: Equatable {
        var level: UInt32 = 0
        var index: UInt32 = 0
    }

    var kind: Kind
    /// The byte 7: a reason, or the format of a payload.
    var code: UInt8 = 0
    var generation: UInt64
    var step: UInt64 = 0
    var sender: UInt32
    var bucket: UInt32 = 0
    /// What a contribution is the sum of.
    var node = Node()
    var offset: UInt64 = 0
    var count: UInt32 = 0
    var worldSize: UInt32
    var segmentFloats: UInt32
    var partialSums: UInt32 = 0

    /// The 64 bytes, and room for `extra` more.
    func encoded(extra: Int = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount + extra)
        bytes.withUnsafeMutableBytes { to in
            func put<T: FixedWidthInteger>(_ value: T, _ at: Int) {
                to.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self)
            }
            put(Self.magic, 0)
            put(Self.currentVersion, 4)
            put(kind.rawValue, 6)
            put(code, 7)
            put(generation, 8)
            put(step, 16)
            put(sender, 24)
            put(bucket, 28)
            put(node.level, 32)
            put(node.index, 36)
            put(offset, 40)
            put(count, 48)
            put(worldSize, 52)
            put(segmentFloats, 56)
            put(partialSums, 60)
        }
        return bytes
    }

    /// The header of a result, with the sums of squares of its chunks.
    func encoded(sumsOfSquares: some Collection<Double>) -> [UInt8] {
        var bytes = encoded(extra: 8 * sumsOfSquares.count)
        bytes.withUnsafeMutableBytes { to in
            for (i, sum) in sumsOfSquares.enumerated() {
                to.storeBytes(
                    of: sum.bitPattern.littleEndian, toByteOffset: Self.byteCount + 8 * i, as: UInt64.self)
            }
        }
        return bytes
    }

    /// The sums of squares that follow the header, which was decoded from `bytes`.
    func sumsOfSquares(in bytes: UnsafeRawBufferPointer) -> [Double] {
        (0..<Int(partialSums)).map { i in
            let bits = bytes.loadUnaligned(fromByteOffset: Self.byteCount + 8 * i, as: UInt64.self)
            return Double(bitPattern: UInt64(littleEndian: bits))
        }
    }

    /// What a frame turned out to be.
    enum Decoded {
        case header(AllReduceHeader)
        /// Ours, but of another version.
        case otherVersion(UInt16)
        case malformed(String)
    }

    /// Reads a frame that may hold anything.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.count >= byteCount else { return .malformed("a header of \(bytes.count) bytes") }
        func get<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: type))
        }
        guard get(0, UInt32.self) == magic else { return .malformed("no Shoal message") }
        let version = get(4, UInt16.self)
        guard version == currentVersion else { return .otherVersion(version) }
        guard let kind = Kind(rawValue: bytes[6]) else { return .malformed("unknown kind \(bytes[6])") }
        let header = AllReduceHeader(
            kind: kind, code: bytes[7], generation: get(8, UInt64.self), step: get(16, UInt64.self),
            sender: get(24, UInt32.self), bucket: get(28, UInt32.self),
            node: Node(level: get(32, UInt32.self), index: get(36, UInt32.self)), offset: get(40, UInt64.self),
            count: get(48, UInt32.self), worldSize: get(52, UInt32.self), segmentFloats: get(56, UInt32.self),
            partialSums: get(60, UInt32.self))
        guard bytes.count == byteCount + 8 * Int(header.partialSums) else {
            return .malformed("a header of \(bytes.count) bytes for \(header.partialSums) partial sums")
        }
        return .header(header)
    }
}
