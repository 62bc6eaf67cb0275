import Modeling

/// What the coordinator asks its cache for when outputs are to be collected.
struct OutputLookup: Sendable, Equatable {
    /// Numbers the collection, so that a late answer is never taken for that of another one.
    var id: UInt32
    /// What the outputs follow from besides their micro-batch.
    var origin: EmbeddingOrigin
    /// Examples of a micro-batch.
    var batchSize: Int
}

/// Outputs of micro-batches that follow each other, for the cache to keep.
struct CollectedBatches: Sendable {
    /// See ``OutputLookup/id``.
    var lookup: UInt32
    /// The number of the first one.
    var first: Int
    var parts: [EvaluationPart]
    /// See ``WorkerDescription/products(in:)``: of the worker that has computed them.
    var products: String
}
