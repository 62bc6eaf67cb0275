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
        /// The most places between a token and one that it attends to; nil where it attends to all.
        public var window: Int?

        /// A layer of these sizes.
        public init(heads: Int, intermediate: Int, window: Int? = nil) {
            self.heads = heads
            self.intermediate = intermediate
            self.window = window
        }
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
    /// What families differ in beyond sizes.
    public var features: Features

    private enum CodingKeys: String, CodingKey {
        case vocabulary, hidden, positions, segments, layers, epsilon, features
        case initializerRange = "initializer_range"
        case hiddenDropout = "hidden_dropout"
        case attentionDropout = "attention_dropout"
    }

    /// An encoder of these sizes.
    public init(
        vocabulary: Int, hidden: Int, positions: Positions, segments: Int, layers: [Layer], epsilon: Float,
        initializerRange: Float, hiddenDropout: Float, attentionDropout: Float, features: Features = Features()
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
        self.features = features
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
        /// Places to each side that a token attends to.
        public static let window = 0...1_048_576
        /// Buckets of distances.
        public static let buckets = 4...65_536
        /// The base of the angles of rotary positions.
        public static let rotaryBase: ClosedRange<Float> = 1...1e12
    }
}
