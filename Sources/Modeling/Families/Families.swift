/// The families of models that can be read and written: one line for each.
public enum Families {
    /// All of them.
    public static let all: [any ModelFamily.Type] = [
        BERT.self,
        DistilBERT.self,
        RoBERTa.self,
        ELECTRA.self,
        MPNet.self,
        ModernBERT.self,
    ]
}
