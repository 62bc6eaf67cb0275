/// The heads of models by what their folders are for.
extension ModelConfiguration {
    /// The head of a model for this purpose, as `transformers` builds it for the family; nil where it has none, or one
    /// that is not supported.
    public func head(for purpose: ModelPurpose) -> (any Head)? {
        switch purpose.classSuffix {
        case ModelPurpose.sequenceClassification: classifierHead(purpose.problem ?? .singleLabel)
        case TokenClassification.transformersClass: tokenClassifierHead
        case MaskedLanguageModel.transformersClass: family.maskedLanguageModel(model)
        case nil: SentenceEmbedding(self)
        default: nil
        }
    }
}

extension SentenceEmbedding {
    /// As the folder's modules say; the mean over the tokens where it has none.
    public init(_ configuration: ModelConfiguration) {
        self.init(
            width: configuration.encoder.hidden, pooling: configuration.sentenceModules?.pooling ?? .mean,
            normalizes: configuration.sentenceModules?.normalizes ?? false)
    }
}
