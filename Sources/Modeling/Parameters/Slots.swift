/// Where a linear layer of (outputs, inputs) stands in the flat vector.
public struct LinearSlot: Sendable, Equatable {
    /// The first float of the weight.
    public var weight: Int
    /// The first float of the bias.
    public var bias: Int
    /// Rows of the weight, and the length of the bias.
    public var outputs: Int
    /// Columns of the weight.
    public var inputs: Int
    /// Whether weight and bias are trained; else no gradient of theirs is computed.
    public var hasGradient: Bool
}

/// Where a LayerNorm stands in the flat vector.
struct NormSlot: Sendable {
    var gamma: Int
    var beta: Int
    /// Whether both are trained.
    var hasGradient: Bool
}

/// Where an encoder layer stands. `query`, `key` and `value` adjoin, as do their biases, so that they can be used as
/// one matrix of (3 hidden, hidden).
struct LayerSlots: Sendable {
    var outputNorm: NormSlot
    var output: LinearSlot
    var intermediate: LinearSlot
    var attentionNorm: NormSlot
    var attentionOutput: LinearSlot
    var query: LinearSlot
    var key: LinearSlot
    var value: LinearSlot
    /// The adapters beside the linear layers.
    var lowRank = ByTarget<LowRankSlot>()
    /// The bucket of their gradients; nil where they are frozen.
    var bucket: Int?
}

/// Where the embeddings stand.
struct EmbeddingSlots: Sendable {
    var norm: NormSlot
    /// Nil if the encoder has no segments.
    var segments: Int?
    var positions: Int
    /// The bucket of the gradients of all of these; nil where they are frozen.
    var bucket: Int?
    var words: Int
    /// The bucket of the gradient of the word embedding; nil where it is frozen.
    var wordBucket: Int?
    /// Whether the gradient of the word embedding has all rows: where the head uses it as a matrix.
    var hasDenseWords: Bool

    /// Whether any of them is trained.
    var hasGradient: Bool { bucket != nil || wordBucket != nil }
}
