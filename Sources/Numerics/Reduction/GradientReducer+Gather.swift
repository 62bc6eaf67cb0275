extension GradientReducer {
    /// Gathers bytes of all ranks, by steps without buckets whose piggybacks they are: as many as the longest needs.
    ///
    /// - Parameters:
    ///   - own: This rank's bytes.
    ///   - step: What all ranks know. Its number is that of the first of these steps, the others follow; they must not
    ///     reach the number of the next reduction. Its buckets are not looked at.
    ///   - limit: Bytes of a rank at most.
    /// - Returns: The bytes of each rank, by rank: the same on all ranks.
    /// - Throws: What the reducer throws; `PeerDataError` if a rank sends more or less than it has announced.
    public func gather(_ own: [UInt8], in step: ReductionStep, limit: Int) throws -> [[UInt8]] {
        let most = Reduction.maxPiggybackBytes
        var step = step
        step.buckets = []
        func round(_ bytes: ArraySlice<UInt8>) throws -> [[UInt8]] {
            try begin(step)
            step.number += 1
            let pieces = try finish(piggyback: Array(bytes)).piggybacks
            guard pieces.count == worldSize else {
                throw PeerDataError(rank: rank, description: "\(pieces.count) ranks gave bytes, not \(worldSize)")
            }
            return pieces
        }
        let announced = (0..<8).map { UInt8(truncatingIfNeeded: own.count >> (8 * $0)) }
        let counts = try round(announced[...]).enumerated().map { rank, bytes in
            let count = bytes.count == 8 ? bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } : .max
            guard count <= UInt64(limit) else {
                throw PeerDataError(rank: rank, description: "rank \(rank) announced more than \(limit) bytes")
            }
            return Int(count)
        }
        var all = counts.map { count in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            return bytes
        }
        for start in stride(from: 0, to: counts.max() ?? 0, by: most) {
            let pieces = try round(own.dropFirst(start).prefix(most))
            for (rank, piece) in pieces.enumerated() {
                let expected = max(0, min(most, counts[rank] - start))
                guard piece.count == expected else {
                    throw PeerDataError(
                        rank: rank, description: "rank \(rank) sent \(piece.count) bytes, not \(expected)")
                }
                all[rank] += piece
            }
        }
        return all
    }
}
