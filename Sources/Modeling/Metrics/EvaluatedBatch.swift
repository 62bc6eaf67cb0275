/// A head's outputs for the examples of a batch, with what they are compared with.
public struct EvaluatedBatch {
    /// R rows: one for each example, or for each of its tokens.
    public let outputs: OutputRows
    /// What should have come out.
    public let targets: Targets
    /// S + 1 offsets: the rows of example `s` are `rowOffsets[s]..<rowOffsets[s + 1]`.
    public let rowOffsets: [Int]

    /// A batch of these parts.
    ///
    /// - Parameter rowOffsets: Nil for one row of each example.
    public init(_ outputs: OutputRows, _ targets: Targets, rowOffsets: [Int]? = nil) {
        self.outputs = outputs
        self.targets = targets
        self.rowOffsets = rowOffsets ?? Array(0...outputs.rows)
    }

    /// S, the number of examples.
    public var exampleCount: Int { rowOffsets.count - 1 }

    /// The rows of an example.
    public func rows(of example: Int) -> Range<Int> { rowOffsets[example]..<rowOffsets[example + 1] }

    /// Whether a row has a loss: not every token has one.
    func isTarget(_ row: Int) -> Bool {
        guard case .tokens(let labels) = targets else { return true }
        return labels[row] >= 0
    }
}
