/// A parameter tensor's place in the flat vector, and whether weight decay applies to it.
public struct ParameterSegment: Sendable, Equatable {
    /// The index of its first float.
    public var offset: Int
    /// The number of its floats.
    public var count: Int
    /// Whether weight decay applies (not to biases and LayerNorm).
    public var hasWeightDecay: Bool
    /// Which of the step's rate factors applies.
    public var rateGroup: Int

    /// The segment `[offset, offset + count)`.
    public init(offset: Int, count: Int, hasWeightDecay: Bool, rateGroup: Int = 0) {
        self.offset = offset
        self.count = count
        self.hasWeightDecay = hasWeightDecay
        self.rateGroup = rateGroup
    }

    var range: Range<Int> { offset..<(offset + count) }
}
