import Modeling
import Numerics

/// What one rank computes in one step: its contiguous run of the step's micro-batches.
public struct StepWork: Sendable {
    /// The step, from 0.
    public var step: UInt64
    /// The number of micro-batches of the whole step, over all ranks.
    public var microBatchCount: Int
    /// The index in the step of the first of this rank's micro-batches.
    public var firstMicroBatch: Int
    /// This rank's micro-batches; none where ranks outnumber the micro-batches of a short batch.
    public var microBatches: [PackedBatch]
    /// The distinct token ids of the whole step, ascending: the rows of the word embedding's compact gradient.
    public var embeddingRows: [Int32]
    /// What the summed gradient is divided by: the sum of `Objective.weight(of:)` over the whole step.
    public var gradientDivisor: Double

    /// Work of these parts; see ``validate(_:)`` for what comes from outside.
    public init(
        step: UInt64, microBatchCount: Int, firstMicroBatch: Int, microBatches: [PackedBatch], embeddingRows: [Int32],
        gradientDivisor: Double
    ) {
        self.step = step
        self.microBatchCount = microBatchCount
        self.firstMicroBatch = firstMicroBatch
        self.microBatches = microBatches
        self.embeddingRows = embeddingRows
        self.gradientDivisor = gradientDivisor
    }

    /// The indices in the step of this rank's micro-batches: its leaves of the summation tree.
    public var ownMicroBatches: Range<Int> { firstMicroBatch..<(firstMicroBatch + microBatches.count) }

    /// Checks everything that memory safety relies on.
    public func validate(_ model: ModelSpecification) throws(ModelError) {
        guard microBatchCount > 0, microBatchCount <= ReductionTree.maxLeafCount, firstMicroBatch >= 0,
            firstMicroBatch <= microBatchCount, microBatches.count <= microBatchCount - firstMicroBatch
        else {
            throw .invalidBatch(
                "\(microBatches.count) micro-batches from \(firstMicroBatch) on, in a step of \(microBatchCount)")
        }
        guard gradientDivisor > 0, gradientDivisor.isFinite else {
            throw .invalidBatch("a step whose gradient is divided by \(gradientDivisor)")
        }
        var previous: Int32 = -1
        for row in embeddingRows {
            guard row > previous, Int(row) < model.encoder.vocabulary else {
                throw .invalidBatch("embedding row \(row) after \(previous), vocabulary \(model.encoder.vocabulary)")
            }
            previous = row
        }
        for batch in microBatches {
            try batch.validate(model)
            try model.objective.validate(batch.targets)
            guard !batch.targets.hasUnknownTags else {
                throw .invalidBatch("a tag to learn that the model does not have")
            }
        }
    }
}
