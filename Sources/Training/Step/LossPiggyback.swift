import Numerics

/// What a rank attaches to a step's reduction: the summed loss of each of its micro-batches, so that every worker that
/// has applied a step knows the losses of the whole step, whichever worker fails.
public enum LossPiggyback {
    /// The greatest loss that is believed; sums of float32 are far smaller, and sums of these over any number of steps
    /// are finite.
    public static let maxMagnitude = 1e100

    /// The bits of `lossSums` as little-endian 64-bit numbers.
    static func encode(_ lossSums: [Double]) -> [UInt8] {
        lossSums.flatMap { loss in withUnsafeBytes(of: loss.bitPattern.littleEndian) { Array($0) } }
    }

    /// The losses of all micro-batches in their order, from the piggybacks by rank.
    ///
    /// - Throws: If a piggyback does not hold a finite loss for each of its rank's micro-batches: a rank whose own loss
    ///   is not finite reports that instead.
    static func decode(_ piggybacks: [[UInt8]], partition: [Range<Int>]) throws(PeerDataError) -> [Double] {
        var lossSums: [Double] = []
        for (rank, bytes) in piggybacks.enumerated() {
            guard rank < partition.count, bytes.count == partition[rank].count * 8 else {
                throw PeerDataError(rank: rank, description: "rank \(rank) sent losses in \(bytes.count) bytes")
            }
            for start in stride(from: 0, to: bytes.count, by: 8) {
                var bits: UInt64 = 0
                for i in 0..<8 { bits |= UInt64(bytes[start + i]) << UInt64(8 * i) }
                let loss = Double(bitPattern: bits)
                guard loss.isFinite, abs(loss) <= maxMagnitude else {
                    throw PeerDataError(rank: rank, description: "rank \(rank) sent a loss of \(loss)")
                }
                lossSums.append(loss)
            }
        }
        return lossSums
    }
}
