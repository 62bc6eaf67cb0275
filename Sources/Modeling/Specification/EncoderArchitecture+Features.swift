/// The features in which encoders of different families differ. Their defaults are those of BERT.
extension EncoderArchitecture {
    /// How the encoder knows where in its sequence a token stands.
    public enum Positions: Sendable, Codable, Equatable {
        /// A learnt table of `rows` rows; the token at position p, counted from 0, takes row p + `offset`.
        ///
        /// The offset is 0 in most models, and 2 in those that keep two rows for padding.
        case absolute(rows: Int, offset: Int)
        /// Queries and keys are turned by angles that grow with the position (Su et al., "RoFormer", 2021): there is no
        /// table. A sequence has at most `length` tokens.
        ///
        /// The lowest frequency of a layer that attends to all tokens is about 1 / `globalBase`, that of one with a
        /// window about 1 / `localBase`.
        case rotary(length: Int, globalBase: Float, localBase: Float)
    }

    /// A number added to an attention score by how far the key is from the query, for each head: shared by all layers,
    /// learnt for `buckets` ranges of distances, half of them for keys ahead (Raffel et al., "T5", 2020).
    public struct RelativeBias: Sendable, Codable, Equatable {
        /// Rows of its table, a multiple of 4.
        public var buckets: Int
        /// Distances from here on share a bucket.
        public var maxDistance: Int

        private enum CodingKeys: String, CodingKey {
            case buckets
            case maxDistance = "max_distance"
        }

        /// A bias of these sizes.
        public init(buckets: Int, maxDistance: Int) {
            self.buckets = buckets
            self.maxDistance = maxDistance
        }
    }

    /// Where the LayerNorms of an encoder layer stand.
    public enum Normalization: String, Sendable, Codable {
        /// Behind each residual connection.
        case post
        /// In front of attention, but in the first layer, and of the feed-forward network; and one behind the last
        /// layer.
        case pre
    }

    /// The function between the two linear layers of the feed-forward network.
    public enum Activation: String, Sendable, Codable {
        /// GELU by the error function.
        case gelu
        /// The approximation of GELU by tanh.
        case geluTanh = "gelu_tanh"
        /// max(x, 0).
        case relu
        /// GELU of one half of the first layer's outputs, times the other half.
        case geglu
    }

    /// Which linear layers and LayerNorms of the encoder have a bias.
    public struct Biases: Sendable, Codable, Equatable {
        /// Query, key, value and the projection of attention's result.
        public var attention = true
        /// The feed-forward network.
        public var feedForward = true
        /// The LayerNorms.
        public var norm = true

        private enum CodingKeys: String, CodingKey {
            case attention, norm
            case feedForward = "feed_forward"
        }

        /// Those.
        public init(attention: Bool = true, feedForward: Bool = true, norm: Bool = true) {
            self.attention = attention
            self.feedForward = feedForward
            self.norm = norm
        }
    }

    /// What families differ in beyond sizes.
    public struct Features: Sendable, Codable, Equatable {
        /// Floats of a row of the embeddings, which a linear layer brings to the hidden size; nil where it is that.
        public var embeddingWidth: Int?
        /// The bias of attention scores; nil for none.
        public var relativeBias: RelativeBias?
        /// Where LayerNorms stand.
        public var normalization: Normalization = .post
        /// Within the feed-forward network.
        public var activation: Activation = .gelu
        /// Where there are biases.
        public var biases = Biases()
        /// Whether there is dropout on the attention's output, as there is on that of the feed-forward network.
        public var dropsAttentionOutput = true

        private enum CodingKeys: String, CodingKey {
            case normalization, activation, biases
            case embeddingWidth = "embedding_width"
            case relativeBias = "relative_bias"
            case dropsAttentionOutput = "drops_attention_output"
        }

        /// Those of BERT.
        public init() {}
    }

    /// Floats of a row of the embeddings.
    public var embeddingWidth: Int { features.embeddingWidth ?? hidden }

    /// The longest sequence, in tokens.
    public var maxLength: Int {
        switch positions {
        case .absolute(let rows, let offset): rows - offset
        case .rotary(let length, _, _): length
        }
    }

    /// Rows of the position embedding; 0 if there is none.
    var positionRows: Int {
        switch positions {
        case .absolute(let rows, _): rows
        case .rotary: 0
        }
    }

    /// The row of the position embedding that a sequence's first token takes.
    var positionOffset: Int {
        switch positions {
        case .absolute(_, let offset): offset
        case .rotary: 0
        }
    }

    /// Outputs of the first linear layer of a feed-forward network.
    func preActivationWidth(_ layer: Layer) -> Int {
        features.activation == .geglu ? 2 * layer.intermediate : layer.intermediate
    }

    /// How many numbers the embeddings and the encoder layers have: without the head, which may be new.
    public var parameterCount: Int {
        let biases = features.biases
        let norm = biases.norm ? 2 : 1
        var count = (vocabulary + positionRows + segments + norm) * embeddingWidth
        if embeddingWidth != hidden { count += (embeddingWidth + 1) * hidden }
        if let bias = features.relativeBias { count += bias.buckets * (layers.first?.heads ?? 0) }
        for layer in layers {
            let inner = preActivationWidth(layer)
            count += 4 * hidden * hidden + (inner + layer.intermediate) * hidden + 2 * norm * hidden
            if biases.attention { count += 4 * hidden }
            if biases.feedForward { count += inner + hidden }
        }
        return count
    }
}
