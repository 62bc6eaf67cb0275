/// A classifier whose logits are collected, for another model to learn from them.
public struct CollectedLogits: Head {
    /// See ``Head``.
    public static let kind = "collected-logits"
    /// The classifier.
    public var classifier: any Head

    private enum CodingKeys: String, CodingKey { case classifier }

    /// That of a classifier: a ``SequenceClassification`` or a ``PooledClassification``.
    public init(_ classifier: any Head) { self.classifier = classifier }

    /// Reads what ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let found = try values.decode(CodedHead.self, forKey: .classifier).head
        // Not one within another without end.
        guard found is SequenceClassification || found is PooledClassification else {
            throw DecodingError.dataCorruptedError(
                forKey: .classifier, in: values, debugDescription: "logits are collected of classifiers of texts")
        }
        classifier = found
    }

    /// Writes the classifier with its kind.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(CodedHead(classifier), forKey: .classifier)
    }

    /// As the classifier.
    public var reads: RowSelection { classifier.reads }
    /// A logit for each class.
    public var outputWidth: Int { classifier.outputWidth }
    /// As the classifier.
    public var dropout: Float { classifier.dropout }
    /// As the classifier.
    public var classSuffix: String? { classifier.classSuffix }
    /// As the classifier.
    public var labelLinear: String? { classifier.labelLinear }

    /// See ``Head``.
    public func validate() throws(ModelError) { try classifier.validate() }
    /// See ``Head``.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) { try classifier.validate(encoder) }

    /// Nothing is learnt.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard targets == .none else { throw .invalidBatch("targets of logits that are only collected") }
    }

    /// The classifier's tensors.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        classifier.declare(into: &layout, encoder: encoder)
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { classifier.makePasses(context) }
    /// The logits themselves.
    public func makeMetrics() -> any MetricAccumulator { CollectedOutputs(width: outputWidth) }
}
