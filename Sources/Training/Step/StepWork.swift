import Numerics
import Transformer

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
    /// The samples of the whole step, by which the summed gradient is divided.
    public var sampleCount: Int

    /// Work of these parts; see ``validate(_:)`` for what comes from outside.
    public init(
        step: UInt64, microBatchCount: Int, firstMicroBatch: Int, microBatches: [PackedBatch], embeddingRows: [Int32],
        sampleCount: Int
    ) {
        self.step = step
        self.microBatchCount = microBatchCount
        self.firstMicroBatch = firstMicroBatch
        self.microBatches = microBatches
        self.embeddingRows = embeddingRows
        self.sampleCount = sampleCount
    }

    /// The indices in the step of this rank's micro-batches: its leaves of the summation tree.
    public var ownMicroBatches: Range<Int> { firstMicroBatch..<(firstMicroBatch + microBatches.count) }

    /// Checks everything that memory safety relies on.
    public func validate(_ model: ModelSpecification) throws(TransformerError) {
        guard microBatchCount > 0, microBatchCount <= ReductionTree.maxLeafCount, firstMicroBatch >= 0,
            firstMicroBatch <= microBatchCount, microBatches.count <= microBatchCount - firstMicroBatch
        else {
            throw .invalidBatch(
                "\(microBatches.count) micro-batches from \(firstMicroBatch) on, in a step of \(microBatchCount)")
        }
        guard sampleCount > 0 else { throw .invalidBatch("a step without samples") }
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
        }
    }
}
