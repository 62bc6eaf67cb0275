/// Classifiers of tokens.
extension ModelConfiguration {
    /// The head of one, with a row for each label.
    public var tokenClassifierHead: TokenClassification {
        family.tokenClassifier(model, labels: labels.count)
    }

    /// A model that gives each word a tag.
    public var tokenClassifier: ModelSpecification {
        ModelSpecification(encoder: encoder, head: tokenClassifierHead, objective: CrossEntropy())
    }
}
