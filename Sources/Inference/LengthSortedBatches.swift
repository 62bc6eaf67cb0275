/// Groups texts of similar length, so that batches of about as many tokens take about the same time;
/// ``unsorted(_:floats:)`` restores the order of the texts.
public struct LengthSortedBatches: Sendable, Equatable {
    /// The positions of the texts of each batch, the longest first; of equal ones, the first. None is empty.
    public let batches: [[Int]]

    /// Batches of texts that have so many tokens each.
    ///
    /// - Parameter batchTokens: Tokens of a batch at most; a text with more has a batch of its own.
    public init(lengths: [Int], batchTokens: Int) {
        var batches: [[Int]] = []
        var tokens = 0
        for index in lengths.indices.sorted(by: { (-lengths[$0], $0) < (-lengths[$1], $1) }) {
            if batches.isEmpty || tokens + lengths[index] > batchTokens {
                batches.append([])
                tokens = 0
            }
            batches[batches.count - 1].append(index)
            tokens += lengths[index]
        }
        self.batches = batches
    }

    /// The texts' outputs in the order of the texts.
    ///
    /// - Parameters:
    ///   - outputs: Of each batch the outputs of its texts end to end, in the order of ``batches``.
    ///   - floats: Floats of a text's outputs, by its position.
    /// - Returns: Nil where these are not the outputs of these batches.
    public func unsorted(_ outputs: [[Float]], floats: (Int) -> Int) -> [[Float]]? {
        guard outputs.count == batches.count else { return nil }
        var result = [[Float]](repeating: [], count: batches.reduce(0) { $0 + $1.count })
        for (indices, rows) in zip(batches, outputs) {
            guard rows.count == indices.reduce(0, { $0 + floats($1) }) else { return nil }
            var start = 0
            for index in indices {
                result[index] = Array(rows[start..<(start + floats(index))])
                start += floats(index)
            }
        }
        return result
    }
}
