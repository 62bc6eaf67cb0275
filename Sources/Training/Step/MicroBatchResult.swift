/// What is known of a micro-batch after its forward and backward pass.
public struct MicroBatchResult: Sendable, Equatable {
    /// The index within the step.
    public var index: Int
    /// The summed loss of its samples.
    public var lossSum: Double
    /// Its samples.
    public var samples: Int
    /// Its tokens.
    public var tokens: Int

    /// A result of these parts.
    public init(index: Int, lossSum: Double, samples: Int, tokens: Int) {
        self.index = index
        self.lossSum = lossSum
        self.samples = samples
        self.tokens = tokens
    }
}
