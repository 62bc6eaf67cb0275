import Foundation

/// What a rank adds to a step's all-reduce: the summed loss of each of its micro-batches, so that every worker that has
/// applied a step can tell the losses of the whole step, whoever dies.
enum LossNote {
    static func encode(_ lossSums: [Double]) -> [UInt8] {
        lossSums.flatMap { loss in withUnsafeBytes(of: loss.bitPattern.littleEndian) { Array($0) } }
    }

    /// The losses of all micro-batches in order, from the notes by rank.
    ///
    /// - Throws: if a note does not hold a finite loss for each of its rank's micro-batches: a rank whose own loss is
    ///   not finite says so instead.
    static func decode(_ notes: [[UInt8]], partition: [Range<Int>]) throws(PeerLossError) -> [Double] {
        var lossSums: [Double] = []
        for (rank, note) in notes.enumerated() {
            guard rank < partition.count, note.count == partition[rank].count * 8 else {
                throw PeerLossError(rank: rank, description: "rank \(rank) sent losses in \(note.count) bytes")
            }
            for start in stride(from: 0, to: note.count, by: 8) {
                var bits: UInt64 = 0
                for i in 0..<8 { bits |= UInt64(note[start + i]) << UInt64(8 * i) }
                let loss = Double(bitPattern: bits)
                guard loss.isFinite, abs(loss) <= ControlLimits.maxMagnitude else {
                    throw PeerLossError(rank: rank, description: "rank \(rank) sent a loss of \(loss)")
                }
                lossSums.append(loss)
            }
        }
        return lossSums
    }
}

/// A rank sent losses that cannot be.
struct PeerLossError: Error, Equatable, CustomStringConvertible {
    /// Which one.
    let rank: Int
    /// One line.
    let description: String
}
