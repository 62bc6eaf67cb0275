import Numerics
import Transformer

/// What one rank computes in one step: its contiguous run of the step's micro-batches.
public struct StepWork: Sendable {
    /// The step, from 0.
    public var step: UInt64
    /// The number of micro-batches of the whole step, over all ranks.
    public var leafCount: Int
    /// The index in the step of the first of this rank's micro-batches.
    public var firstLeaf: Int
    /// This rank's micro-batches; none where ranks outnumber the micro-batches of a short batch.
    public var microBatches: [PackedBatch]
    /// The distinct token ids of the whole step, ascending: the rows of the word embedding's compact gradient.
    public var embeddingRows: [Int32]
    /// The samples of the whole step, by which the summed gradient is divided.
    public var sampleCount: Int

    /// Work of these parts; see ``validate(_:)`` for what comes from outside.
    public init(
        step: UInt64, leafCount: Int, firstLeaf: Int, microBatches: [PackedBatch], embeddingRows: [Int32],
        sampleCount: Int
    ) {
        self.step = step
        self.leafCount = leafCount
        self.firstLeaf = firstLeaf
        self.microBatches = microBatches
        self.embeddingRows = embeddingRows
        self.sampleCount = sampleCount
    }

    /// The leaves of the tree that this rank owns.
    public var leaves: Range<Int> { firstLeaf..<(firstLeaf + microBatches.count) }

    /// Checks everything that memory safety relies on.
    public func validate(_ model: ModelSpecification) throws(TransformerError) {
        guard leafCount > 0, leafCount <= ReductionTree.maxLeafCount, firstLeaf >= 0, firstLeaf <= leafCount,
            microBatches.count <= leafCount - firstLeaf
        else {
            throw .invalidBatch(
                "\(microBatches.count) micro-batches from \(firstLeaf) on, in a step of \(leafCount)")
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
