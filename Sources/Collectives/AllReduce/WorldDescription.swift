import Numerics

/// What all ranks of a generation must agree on, and which of them this one is.
struct WorldDescription: Sendable, Equatable {
    /// This rank, from 0.
    var rank: Int
    /// The number of ranks.
    var size: Int
    /// The number of the generation: of the set of workers that train together without a change, as torchelastic's
    /// rendezvous round. Whenever a worker is lost or joins, a new one with a higher number begins; messages of
    /// another generation are not taken.
    var generation: UInt64
    /// Floats of the largest segment.
    var segmentFloats: Int
    /// The number format of gradients on the network.
    var wire: WirePrecision

    /// All other ranks, the next one first, so that the ranks do not all turn to the same one at once.
    var others: [Int] { (1..<max(1, size)).map { (rank + $0) % size } }

    /// The header of a message of this rank.
    func header(_ kind: AllReduceHeader.Kind, step: UInt64 = 0, code: UInt8 = 0) -> AllReduceHeader {
        AllReduceHeader(
            kind: kind, code: code, generation: generation, step: step, sender: UInt32(rank),
            worldSize: UInt32(size), segmentFloats: UInt32(segmentFloats))
    }

    /// The header of a message about a segment.
    func header(
        _ kind: AllReduceHeader.Kind, step: UInt64, segment: AllReducePlan.Segment
    ) -> AllReduceHeader {
        var header = header(kind, step: step)
        header.bucket = UInt32(segment.bucket)
        header.offset = UInt64(segment.range.lowerBound)
        header.count = UInt32(segment.range.count)
        return header
    }

    /// Why `hello` does not fit this world; `nil` if it does, as far as it says.
    func mismatch(_ hello: AllReduceHeader) -> AllReduceHeader.Reason? {
        if hello.generation != generation { return .generation }
        if hello.worldSize != UInt32(size) { return .worldSize }
        if hello.segmentFloats != UInt32(segmentFloats) { return .segmentSize }
        if PayloadFormat(code: hello.code)?.wire != wire { return .wireFormat }
        if hello.sender >= UInt32(size) || hello.sender == UInt32(rank) { return .rank }
        return nil
    }
}
