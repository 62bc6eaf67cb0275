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

    /// Rows of the word embedding.
    public var vocabulary: Int
    /// Floats of a token's vector.
    public var hidden: Int
    /// The longest sequence: rows of the position embedding.
    public var positions: Int
    /// Rows of the segment embedding.
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
        vocabulary: Int, hidden: Int, positions: Int, segments: Int, layers: [Layer], epsilon: Float,
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

    /// Checks every bound. The upper ones are far beyond any real model: they keep products of sizes from overflowing.
    public func validate() throws(ModelError) {
        func check(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
            guard range.contains(value) else {
                throw .invalidModel("\(what) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("the size of the vocabulary", vocabulary, 1...16_777_216)
        try check("the hidden size", hidden, 1...65_536)
        try check("the number of positions", positions, 1...1_048_576)
        try check("the number of segments", segments, 1...65_536)
        try check("the number of layers", layers.count, 1...1000)
        for layer in layers {
            try check("the number of attention heads", layer.heads, 1...4096)
            try check("the intermediate size", layer.intermediate, 1...1_048_576)
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
