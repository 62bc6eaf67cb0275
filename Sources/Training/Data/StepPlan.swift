/// Which samples a step trains on, and how they are cut into micro-batches.
public struct StepPlan: Sendable, Equatable {
    /// The epoch, from 0.
    public var epoch: Int
    /// The step within the phase, from 0.
    public var step: Int
    /// The sample indices of every micro-batch; none is empty.
    public var microBatches: [[Int]]
    /// The samples of all micro-batches together.
    public var sampleCount: Int

    /// A plan of these parts.
    public init(epoch: Int, step: Int, microBatches: [[Int]]) {
        self.epoch = epoch
        self.step = step
        self.microBatches = microBatches
        sampleCount = microBatches.reduce(0) { $0 + $1.count }
    }
}
