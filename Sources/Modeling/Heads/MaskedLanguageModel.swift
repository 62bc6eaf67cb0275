import Numerics

/// A head that guesses masked tokens (Devlin et al. 2019): a linear layer to the width of the embeddings, an activation
/// and LayerNorm, and a decoder whose matrix is the word embedding, with a bias of its own.
///
/// It computes the masked tokens alone, and so does the last layer of the encoder.
public struct MaskedLanguageModel: Head {
    /// See ``Head``.
    public static let kind = "masked-lm"
    /// Tokens to guess among: the rows of the word embedding.
    public var vocabulary: Int
    /// Added to the variance by its LayerNorm.
    public var epsilon: Float
    /// Behind the linear layer: one without a gate.
    public var activation: EncoderArchitecture.Activation
    /// Whether the linear layer has a bias.
    public var hasBias = true
    /// Whether the LayerNorm has a bias.
    public var hasNormBias = true

    private enum CodingKeys: String, CodingKey {
        case vocabulary, epsilon, activation
        case hasBias = "has_bias"
        case hasNormBias = "has_norm_bias"
    }

    /// What the name of its class in `transformers` ends with.
    public static let transformersClass = "ForMaskedLM"

    /// The names of its tensors in ``ParameterID``.
    enum Part {
        static let transform = "predictions.transform"
        static let norm = "predictions.norm"
        /// The bias alone: the matrix is the word embedding.
        static let decoder = "predictions.decoder"
    }

    /// A head for this vocabulary.
    public init(vocabulary: Int, epsilon: Float, activation: EncoderArchitecture.Activation = .gelu) {
        self.vocabulary = vocabulary
        self.epsilon = epsilon
        self.activation = activation
    }

    /// A head for the vocabulary of an encoder.
    init(_ encoder: EncoderArchitecture, activation: EncoderArchitecture.Activation = .gelu) {
        self.init(vocabulary: encoder.vocabulary, epsilon: encoder.epsilon, activation: activation)
    }

    /// The tokens that are to be guessed.
    public var reads: RowSelection { .targetTokens }
    /// A logit for each token of the vocabulary.
    public var outputWidth: Int { vocabulary }
    /// It has.
    public var isPerToken: Bool { true }
    /// None.
    public var dropout: Float { 0 }
    /// See ``transformersClass``.
    public var classSuffix: String? { Self.transformersClass }
    /// None: tokens are no labels of a data file.
    public var labelLinear: String? { nil }
    /// It does.
    public var tiesWords: Bool { true }

    /// See ``Head``.
    public func validate() throws(ModelError) {
        guard EncoderArchitecture.Limits.vocabulary.contains(vocabulary) else {
            throw .invalidModel("a vocabulary of \(vocabulary) tokens")
        }
        guard epsilon > 0, epsilon < 1 else {
            throw .invalidModel("the epsilon of a LayerNorm is \(epsilon), must be above 0 and below 1")
        }
        guard activation != .geglu else {
            throw .invalidModel("the activation of a masked language model's head is one with a gate")
        }
    }

    /// On one whose word embedding can be the decoder's matrix.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) {
        guard vocabulary == encoder.vocabulary else {
            throw .invalidModel("the word embedding does not fit the decoder that it is the matrix of")
        }
    }

    /// The masked tokens, at least one, or none at all.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .none: break
        case .tokens(let labels):
            var isEmpty = true
            for label in labels where label != Target.ignored {
                guard label >= 0, Int(label) < vocabulary else {
                    throw .invalidBatch("a token \(label) to guess, the vocabulary has \(vocabulary)")
                }
                isEmpty = false
            }
            guard !isEmpty else { throw .invalidBatch("no token to guess") }
        case .classes, .values: throw .invalidBatch("targets that are no tokens")
        }
    }

    /// The decoder's bias, LayerNorm, then the linear layer.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        _ = layout.tensor(.head(Part.decoder, .bias), [vocabulary], hasWeightDecay: false)
        _ = layout.norm({ .head(Part.norm, $0) }, width: encoder.embeddingWidth, hasBias: hasNormBias)
        layout.linear(
            { .head(Part.transform, $0) }, outputs: encoder.embeddingWidth, inputs: encoder.hidden, hasBias: hasBias)
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses {
        guard let rounded = context.rounded else {
            return MaskedLanguagePasses<Float>(context, context.weights, self)
        }
        return MaskedLanguagePasses<BFloat16>(context, rounded, self)
    }

    /// Perplexity, and the share of tokens that are guessed.
    public func makeMetrics() -> any MetricAccumulator { LanguageModelMetrics() }
}
