/// What stands between the encoder and the logits of a ``SequenceClassification``: in this, and not in code, families
/// differ.
public struct ClassifierShape: Sendable, Codable, Equatable {
    /// How the rows of a text's tokens become one row.
    public enum Pooling: String, Sendable, Codable, CaseIterable {
        /// The row of the first token.
        case first = "cls"
        /// The mean over all tokens.
        case mean
    }

    /// The function behind the linear layer.
    public enum Activation: String, Sendable, Codable, CaseIterable {
        // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
        case tanh, relu
        /// By the error function.
        case gelu
    }

    /// A LayerNorm.
    public struct Norm: Sendable, Codable, Equatable {
        /// Added to the variance.
        public var epsilon: Float
        /// Whether it has a bias.
        public var hasBias: Bool

        private enum CodingKeys: String, CodingKey {
            case epsilon
            case hasBias = "has_bias"
        }

        /// One of these settings.
        public init(epsilon: Float, hasBias: Bool) {
            self.epsilon = epsilon
            self.hasBias = hasBias
        }
    }

    /// What the linear layer reads.
    public var pooling: Pooling
    /// Whether there is dropout before the linear layer, as there is before the classifier.
    public var dropsInput: Bool
    /// Whether the linear layer has a bias.
    public var hasBias: Bool
    /// Behind the linear layer.
    public var activation: Activation
    /// Behind the activation; nil for none.
    public var norm: Norm?

    private enum CodingKeys: String, CodingKey {
        case pooling, activation, norm
        case dropsInput = "drops_input"
        case hasBias = "has_bias"
    }

    /// By default that of BERT.
    public init(
        pooling: Pooling = .first, dropsInput: Bool = false, hasBias: Bool = true, activation: Activation = .tanh,
        norm: Norm? = nil
    ) {
        self.pooling = pooling
        self.dropsInput = dropsInput
        self.hasBias = hasBias
        self.activation = activation
        self.norm = norm
    }

    /// Checks the bounds of what comes from outside.
    func validate() throws(ModelError) {
        guard let norm else { return }
        guard norm.epsilon > 0, norm.epsilon < 1 else {
            throw .invalidModel("the epsilon of a LayerNorm is \(norm.epsilon), must be above 0 and below 1")
        }
    }
}
