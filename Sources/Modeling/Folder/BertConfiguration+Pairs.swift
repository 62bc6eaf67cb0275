extension BertConfiguration {
    /// The key of config.json that says whether a model was trained on pairs of texts; `transformers` passes over it.
    private static let pairsKey = "shoal_text_pairs"

    /// Whether the classifier was trained on pairs of texts; nil where that is not known, as for models of other
    /// programs.
    public var isTrainedOnPairs: Bool? {
        get { if case .bool(let value)? = others[Self.pairsKey] { value } else { nil } }
        set { others[Self.pairsKey] = newValue.map { .bool($0) } }
    }
}
