/// Classifiers of tokens.
extension ModelConfiguration {
    /// The head of one, with a row for each label.
    public var tokenClassifierHead: TokenClassification {
        TokenClassification(labels: labels.count, dropout: model.classifierDropout ?? encoder.hiddenDropout)
    }

    /// A model that gives each word a tag.
    public var tokenClassifier: ModelSpecification {
        ModelSpecification(encoder: encoder, head: tokenClassifierHead, objective: CrossEntropy())
    }
}
