/// Where a linear layer of (outputs, inputs) stands in the flat vector.
public struct LinearSlot: Sendable, Equatable {
    /// The first float of the weight.
    public var weight: Int
    /// The first float of the bias; nil if there is none.
    public var bias: Int?
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
    /// Nil if there is none.
    var beta: Int?
    /// Whether both are trained.
    var hasGradient: Bool
}

/// Where an encoder layer stands. `query`, `key` and `value` adjoin, as do their biases, so that they can be used as
/// one matrix of (3 hidden, hidden).
struct LayerSlots: Sendable {
    /// Behind the last layer; nil in others, and where LayerNorms stand behind residual connections.
    var finalNorm: NormSlot?
    var outputNorm: NormSlot
    var output: LinearSlot
    var intermediate: LinearSlot
    /// Nil in the first layer where LayerNorms stand in front.
    var attentionNorm: NormSlot?
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
    /// Nil where the embeddings are as wide as the encoder.
    var projection: LinearSlot?
    var norm: NormSlot
    /// (buckets, heads), nil if there is none.
    var relativeBias: Int?
    /// Nil if the encoder has no segments.
    var segments: Int?
    /// Nil if the encoder has no table of positions.
    var positions: Int?
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
