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
}

/// Where a LayerNorm stands in the flat vector.
struct NormSlot: Sendable {
    var gamma: Int
    var beta: Int
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
}

/// Where the embeddings stand.
struct EmbeddingSlots: Sendable {
    var norm: NormSlot
    /// Nil if the encoder has no segments.
    var segments: Int?
    var positions: Int
    var words: Int
}
