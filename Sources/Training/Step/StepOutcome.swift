/// What a training step gave, the same on all ranks but for the times and bytes.
public struct StepOutcome: Sendable, Equatable {
    /// The summed loss of every micro-batch of the whole step, in their order.
    public var lossSums: [Double]
    /// The norm of the mean gradient, before clipping.
    public var gradientNorm: Double
    /// Seconds in forward and backward passes and in the optimizer.
    public var computeSeconds: Double
    /// Seconds of waiting for the reduction after the last backward pass.
    public var reductionSeconds: Double
    /// Seconds from beginning to end.
    public var seconds: Double
    /// Bytes sent to other ranks.
    public var bytesSent: Int
}
