/// The heads that a model can have: one line for each.
public enum Heads {
    /// All of them.
    public static let all: [any Head.Type] = [
        SequenceClassification.self,
        SentenceEmbedding.self,
        TextEmbedding.self,
        TokenEmbedding.self,
        PooledClassification.self,
        CollectedLogits.self,
        MaskedLanguageModel.self,
        TokenClassification.self,
    ]
}
