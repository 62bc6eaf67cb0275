/// What is known of a micro-batch after its forward and backward pass.
public struct MicroBatchResult: Sendable, Equatable {
    /// The index within the step.
    public var index: Int
    /// The summed loss of its samples.
    public var lossSum: Double

    /// A result of these parts.
    public init(index: Int, lossSum: Double) {
        self.index = index
        self.lossSum = lossSum
    }
}
