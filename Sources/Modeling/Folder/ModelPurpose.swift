/// What a model folder is for, as its config.json says it.
public struct ModelPurpose: Sendable, Equatable {
    /// What the name of its class in `transformers` ends with, such as `ForSequenceClassification`; nil for an encoder
    /// without a head.
    public var classSuffix: String?
    /// What the outputs of a classifier of sequences mean; nil for other heads.
    public var problem: ProblemType?
    /// Whether a classifier stands on the embedding that `modules.json` describes: ``PooledClassification``.
    public var isPooled: Bool

    /// A purpose of these parts.
    public init(classSuffix: String?, problem: ProblemType? = nil, isPooled: Bool = false) {
        self.classSuffix = classSuffix
        self.problem = problem
        self.isPooled = isPooled
    }

    /// Texts with one class each.
    public static let classification = ModelPurpose(
        classSuffix: sequenceClassification, problem: .singleLabel)

    /// Texts with one class each, by a linear classifier on their embeddings.
    public static let pooledClassification = pooled(.singleLabel)

    /// Texts by a linear layer on their embeddings.
    public static func pooled(_ problem: ProblemType) -> ModelPurpose {
        ModelPurpose(classSuffix: nil, problem: problem, isPooled: true)
    }

    /// An encoder without a head, whose outputs become embeddings.
    public static let embedding = ModelPurpose(classSuffix: nil)

    /// The class of `transformers` that has a classifier of sequences.
    public static let sequenceClassification = "ForSequenceClassification"

    /// Whether the outputs have names: `id2label` in config.json.
    public var hasLabels: Bool {
        classSuffix == Self.sequenceClassification || classSuffix == "ForTokenClassification" || isPooled
    }
}
