/// The sizes and features of an encoder, whatever family it is of: what the passes and the layout go by.
///
/// It travels to the workers as JSON, so that a worker needs to know no family.
public struct EncoderArchitecture: Sendable, Codable, Equatable {
    /// The sizes of one encoder layer.
    public struct Layer: Sendable, Codable, Equatable {
        /// Attention heads; they divide the hidden size.
        public var heads: Int
        /// Floats within the feed-forward network.
        public var intermediate: Int

        /// A layer of these sizes.
        public init(heads: Int, intermediate: Int) {
            self.heads = heads
            self.intermediate = intermediate
        }
    }

    /// How the encoder knows where in its sequence a token stands.
    public enum Positions: Sendable, Codable, Equatable {
        /// A learnt table of `rows` rows; the token at position p, counted from 0, takes row p + `offset`.
        ///
        /// The offset is 0 in most models, and 2 in those that keep two rows for padding.
        case absolute(rows: Int, offset: Int)
    }

    /// Rows of the word embedding.
    public var vocabulary: Int
    /// Floats of a token's vector.
    public var hidden: Int
    /// How tokens know their places.
    public var positions: Positions
    /// Rows of the segment embedding; 0 if there is none, and segment ids mean nothing.
    public var segments: Int
    /// The layers; the first is next to the embeddings.
    public var layers: [Layer]
    /// Added to the variance by LayerNorm.
    public var epsilon: Float
    /// The standard deviation of new weights.
    public var initializerRange: Float
    /// The dropout probability after the embeddings, the attention output and the feed-forward output.
    public var hiddenDropout: Float
    /// The dropout probability on attention probabilities.
    public var attentionDropout: Float

    private enum CodingKeys: String, CodingKey {
        case vocabulary, hidden, positions, segments, layers, epsilon
        case initializerRange = "initializer_range"
        case hiddenDropout = "hidden_dropout"
        case attentionDropout = "attention_dropout"
    }

    /// An encoder of these sizes.
    public init(
        vocabulary: Int, hidden: Int, positions: Positions, segments: Int, layers: [Layer], epsilon: Float,
        initializerRange: Float, hiddenDropout: Float, attentionDropout: Float
    ) {
        self.vocabulary = vocabulary
        self.hidden = hidden
        self.positions = positions
        self.segments = segments
        self.layers = layers
        self.epsilon = epsilon
        self.initializerRange = initializerRange
        self.hiddenDropout = hiddenDropout
        self.attentionDropout = attentionDropout
    }

    /// The longest sequence, in tokens.
    public var maxLength: Int {
        switch positions {
        case .absolute(let rows, let offset): rows - offset
        }
    }

    /// Rows of the position embedding.
    var positionRows: Int {
        switch positions {
        case .absolute(let rows, _): rows
        }
    }

    /// The row of the position embedding that a sequence's first token takes.
    var positionOffset: Int {
        switch positions {
        case .absolute(_, let offset): offset
        }
    }

    /// How many numbers the embeddings and the encoder layers have: without the head, which may be new.
    public var parameterCount: Int {
        layers.reduce((vocabulary + positionRows + segments + 2) * hidden) { sum, layer in
            let attention = 4 * (hidden * hidden + hidden) + 2 * hidden
            let feedForward = 2 * hidden * layer.intermediate + layer.intermediate + hidden + 2 * hidden
            return sum + attention + feedForward
        }
    }

    /// The bounds of sizes: far beyond any real model, they keep products of sizes from overflowing.
    public enum Limits {
        /// Rows of the word embedding.
        public static let vocabulary = 1...16_777_216
        /// Floats of a token's vector.
        public static let hidden = 1...65_536
        /// Rows of the position embedding.
        public static let positions = 1...1_048_576
        /// Rows of the segment embedding.
        public static let segments = 0...65_536
        /// Encoder layers.
        public static let layers = 1...1000
        /// Attention heads of a layer.
        public static let heads = 1...4096
        /// Floats within the feed-forward network of a layer.
        public static let intermediate = 1...1_048_576
    }

    /// Checks every bound.
    public func validate() throws(ModelError) {
        func check(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
            guard range.contains(value) else {
                throw .invalidModel("\(what) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("the size of the vocabulary", vocabulary, Limits.vocabulary)
        try check("the hidden size", hidden, Limits.hidden)
        try check("the number of positions", positionRows, Limits.positions)
        try check("the row of the first position", positionOffset, 0...(positionRows - 1))
        try check("the number of segments", segments, Limits.segments)
        try check("the number of layers", layers.count, Limits.layers)
        for layer in layers {
            try check("the number of attention heads", layer.heads, Limits.heads)
            try check("the intermediate size", layer.intermediate, Limits.intermediate)
            guard hidden % layer.heads == 0 else {
                throw .invalidModel("the hidden size \(hidden) is not a multiple of \(layer.heads) attention heads")
            }
        }
        guard epsilon > 0, epsilon < 1 else {
            throw .invalidModel("LayerNorm's epsilon is \(epsilon), must be above 0 and below 1")
        }
        guard initializerRange >= 0, initializerRange <= 10 else {
            throw .invalidModel("the initializer range is \(initializerRange), must be 0 to 10")
        }
        for rate in [hiddenDropout, attentionDropout] {
            guard rate >= 0, rate < 1 else {
                throw .invalidModel("a dropout probability is \(rate), must be at least 0 and below 1")
            }
        }
    }
}
