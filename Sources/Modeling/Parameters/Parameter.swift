/// One tensor of the model and its range in the flat vector.
public struct Parameter: Sendable, Equatable {
    /// What it is.
    public let id: ParameterID
    /// Rows and columns, or one length; a linear layer's weight is (outputs, inputs).
    public let shape: [Int]
    /// The first float in the flat vector.
    public let offset: Int
    /// Whether weight decay applies: not to biases and not to LayerNorm.
    public let hasWeightDecay: Bool

    /// The number of floats.
    public var count: Int { shape.reduce(1, *) }
    /// The range in the flat vector.
    public var range: Range<Int> { offset..<(offset + count) }
    /// Rows of a matrix or table.
    public var rowCount: Int { shape[0] }
    /// Floats of a row of a matrix or table.
    public var rowWidth: Int { shape[shape.count - 1] }
}
