extension FewShotMethod.Outcome {
    /// That of a classifier for which nothing was compared: its logits stay as they are.
    public init(classifier: LinearClassifier) {
        self.init(
            classifier: TwoViews(dense: classifier, lexical: nil), temperature: 1, candidates: [], chosen: 0,
            validation: "", shares: nil)
    }
}
