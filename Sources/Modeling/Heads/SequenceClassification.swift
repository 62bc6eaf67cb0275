/// A head for sequences: a linear layer with an activation, in BERT called the pooler, on what is pooled of a
/// sequence's rows, dropout, and a linear classifier.
public struct SequenceClassification: Head {
    /// See ``Head``.
    public static let kind = "sequence-classification"
    /// The number of classes.
    public var labels: Int
    /// The dropout probability before the classifier.
    public var dropout: Float
    /// What the outputs mean.
    public var problem: ProblemType
    /// What stands before the classifier.
    public var shape: ClassifierShape

    /// The names of its tensors in ``ParameterID``.
    enum Part {
        static let classifier = "classifier"
        static let dense = "pooler"
        static let norm = "norm"
    }

    /// A head for this many classes, or numbers.
    public init(
        labels: Int, dropout: Float, problem: ProblemType = .singleLabel, shape: ClassifierShape = ClassifierShape()
    ) {
        self.labels = labels
        self.dropout = dropout
        self.problem = problem
        self.shape = shape
    }

    /// The first token of each sequence, or all tokens.
    public var reads: RowSelection { shape.pooling == .first ? .firstTokens : .allTokens }
    /// The most classes that a model may have.
    static let maxLabels = 1_000_000
    /// A logit for each class.
    public var outputWidth: Int { labels }
    /// See ``ModelPurpose``.
    public var classSuffix: String? { ModelPurpose.sequenceClassification }
    /// The classifier.
    public var labelLinear: String? { Part.classifier }

    /// See ``Head``.
    public func validate() throws(ModelError) {
        guard (1...Self.maxLabels).contains(labels) else {
            throw .invalidModel("the number of labels is \(labels), must be 1 to \(Self.maxLabels)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalidModel("a dropout probability is \(dropout), must be at least 0 and below 1")
        }
        try shape.validate()
    }

    /// As its problem asks for.
    public func validate(_ targets: Targets) throws(ModelError) { try problem.validate(targets, outputs: labels) }

    /// Classifier, LayerNorm, then pooler.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        let hidden = encoder.hidden
        layout.linear({ .head(Part.classifier, $0) }, outputs: labels, inputs: hidden)
        ClassifierTransform.declare(shape, width: hidden, into: &layout)
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { SequenceClassificationPasses(context, shape) }
    /// The usual metrics of the problem.
    public func makeMetrics() -> any MetricAccumulator { problem.makeMetrics(outputs: labels) }
}
