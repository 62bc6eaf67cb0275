/// What a tensor of a model is, whatever a model family calls it: the key of ``ParameterLayout``, and what decides the
/// random numbers that a new tensor is drawn from.
public enum ParameterID: Hashable, Sendable {
    /// A table of the embeddings, without bias.
    case embedding(EmbeddingTable)
    /// The LayerNorm of the embeddings.
    case embeddingNorm(AffinePart)
    /// The linear layer between narrower embeddings and the first encoder layer.
    case embeddingProjection(AffinePart)
    /// A linear layer or a LayerNorm of an encoder layer; layer 0 is next to the embeddings.
    case layer(Int, LayerPart, AffinePart)
    /// A linear layer of the head, by the head's own name for it.
    case head(String, AffinePart)

    /// The tables that embed a token.
    public enum EmbeddingTable: String, Sendable {
        /// Token ids.
        case words
        /// Positions within a sequence.
        case positions
        /// Segments: the first or the second text of a pair.
        case segments
        /// Biases of attention scores, a column for each head, by the distance between two tokens.
        case relativeBias
    }

    /// The tensors of a linear layer (weight and bias, and those of an adapter) or of a LayerNorm (gamma and beta).
    public enum AffinePart: String, Sendable {
        /// The matrix of a linear layer; gamma of a LayerNorm.
        case weight
        /// The bias of a linear layer; beta of a LayerNorm.
        case bias
        /// A of an adapter (``LowRankAdapter``); called as `peft` calls it.
        case lowRankA = "lora_A.weight"
        /// B of an adapter.
        case lowRankB = "lora_B.weight"
    }

    /// The linear layers and LayerNorms of an encoder layer.
    public enum LayerPart: String, Sendable {
        /// The projections of attention's input.
        case query
        /// See `query`.
        case key
        /// See `query`.
        case value
        /// The projection of attention's result.
        case attentionOutput
        /// The LayerNorm behind attention's residual connection, or in front of attention.
        case attentionNorm
        /// The first linear layer of the feed-forward network.
        case intermediate
        /// The second linear layer of the feed-forward network.
        case output
        /// The LayerNorm behind the residual connection of the feed-forward network, or in front of that.
        case outputNorm
        /// The LayerNorm behind the last layer of an encoder with LayerNorms in front.
        case finalNorm
    }

    /// The number of the Philox stream that a new tensor is drawn from. Part of what makes a run repeatable: never
    /// change one.
    ///
    /// The classifier and the pooler have those of the first layouts, which numbered tensors; all others a hash of
    /// their name, so that no tensor's bits depend on which others there are.
    public var initializationStream: UInt32 {
        switch self {
        case .head("classifier", .weight): 0
        case .head("pooler", .weight): 2
        // The top bit keeps hashes apart from the numbers above.
        default: Self.hash(stableName) | 1 << 31
        }
    }

    /// The part of the model that it is trained or frozen with.
    public var part: ModelPart {
        switch self {
        case .embedding(.words): .words
        case .embedding, .embeddingNorm, .embeddingProjection: .positions
        case .layer(let index, _, _): .layer(index)
        case .head: .head
        }
    }

    /// Whether it is a tensor of an adapter, which a model without one does not have.
    public var isOfAdapter: Bool {
        switch self {
        case .layer(_, _, .lowRankA), .layer(_, _, .lowRankB): true
        default: false
        }
    }

    /// Whether it is gamma of a LayerNorm, which is about 1 in a trained model.
    public var isNormScale: Bool {
        switch self {
        case .embeddingNorm(.weight), .layer(_, .attentionNorm, .weight), .layer(_, .outputNorm, .weight),
            .layer(_, .finalNorm, .weight):
            true
        case .head(let name, .weight): name == "norm" || name.hasSuffix(".norm")
        default: false
        }
    }

    /// A name that never changes, in which no family has a say.
    var stableName: String {
        switch self {
        case .embedding(let table): "embedding.\(table.rawValue)"
        case .embeddingNorm(let part): "embedding.norm.\(part.rawValue)"
        case .embeddingProjection(let part): "embedding.projection.\(part.rawValue)"
        case .layer(let layer, let tensor, let part): "layer.\(layer).\(tensor.rawValue).\(part.rawValue)"
        case .head(let name, let part): "head.\(name).\(part.rawValue)"
        }
    }

    /// FNV-1a with 32 bits (Fowler, Noll, Vo; RFC 9923).
    private static func hash(_ text: String) -> UInt32 {
        text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
