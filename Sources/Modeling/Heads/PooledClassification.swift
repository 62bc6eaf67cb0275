import CKernels
import Numerics

/// A head for texts: the embedding of a text (``SentenceEmbedding``), dropout, and a linear classifier on it.
///
/// It is what a probe learns on frozen embeddings, and what fine-tuning can go on from. As files it is a folder of
/// sentence-transformers whose last module is `Dense`: there an embedding are the logits.
public struct PooledClassification: Head {
    /// See ``Head``.
    public static let kind = "pooled-classification"
    /// The number of classes, or of numbers.
    public var labels: Int
    /// How rows become one.
    public var pooling: TokenPooling
    /// Whether embeddings have length 1.
    public var normalizes: Bool
    /// The dropout probability before the classifier.
    public var dropout: Float
    /// What the outputs mean.
    public var problem = ProblemType.singleLabel
    /// Floats of the embedding that stand behind the logits in each row of outputs, for who predicts and wants both: 0,
    /// or as many as the encoder's rows have. It does not travel, and nothing can be learnt by such outputs.
    public var appendedWidth = 0

    private enum CodingKeys: String, CodingKey { case labels, pooling, normalizes, dropout, problem }

    /// The names of its tensors in ``ParameterID``.
    enum Part {
        static let classifier = "pooled_classifier"
    }

    /// A head of these settings.
    public init(
        labels: Int, pooling: TokenPooling, normalizes: Bool, dropout: Float = 0, problem: ProblemType = .singleLabel
    ) {
        self.labels = labels
        self.problem = problem
        self.pooling = pooling
        self.normalizes = normalizes
        self.dropout = dropout
    }

    /// Reads what ``encode(to:)`` writes; without a problem, texts have one class each.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        labels = try values.decode(Int.self, forKey: .labels)
        pooling = try values.decode(TokenPooling.self, forKey: .pooling)
        normalizes = try values.decode(Bool.self, forKey: .normalizes)
        dropout = try values.decode(Float.self, forKey: .dropout)
        problem = try values.decodeIfPresent(ProblemType.self, forKey: .problem) ?? .singleLabel
    }

    /// Writes its settings; the problem where it is not the usual one, so that what was hashed before stays as it was.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(labels, forKey: .labels)
        try values.encode(pooling, forKey: .pooling)
        try values.encode(normalizes, forKey: .normalizes)
        try values.encode(dropout, forKey: .dropout)
        if problem != .singleLabel { try values.encode(problem, forKey: .problem) }
    }

    /// The first token, or all.
    public var reads: RowSelection { pooling == .first ? .firstTokens : .allTokens }
    /// A logit for each class, and what is appended.
    public var outputWidth: Int { labels + appendedWidth }
    /// The classifier.
    public var labelLinear: String? { Part.classifier }

    /// See ``Head``.
    public func validate() throws(ModelError) {
        guard (1...SequenceClassification.maxLabels).contains(labels) else {
            throw .invalidModel("the number of labels is \(labels), must be 1 to \(SequenceClassification.maxLabels)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalidModel("a dropout probability is \(dropout), must be at least 0 and below 1")
        }
    }

    /// Embeddings are as wide as the encoder.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) {
        guard appendedWidth == 0 || appendedWidth == encoder.hidden else {
            throw .invalidModel("embeddings of \(appendedWidth) numbers on an encoder of \(encoder.hidden)")
        }
    }

    /// As its problem asks for.
    public func validate(_ targets: Targets) throws(ModelError) { try problem.validate(targets, outputs: labels) }

    /// The classifier.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        layout.linear({ .head(Part.classifier, $0) }, outputs: labels, inputs: encoder.hidden)
    }

    /// Puts a classifier into the flat vector of a model with such a head.
    ///
    /// - Parameters:
    ///   - values: (labels, width), and a bias for each label.
    ///   - layout: That of the model.
    public static func write(weights values: [Float], bias: [Float], to weights: FloatBuffer, _ layout: ParameterLayout)
    {
        for (part, numbers) in [(ParameterID.AffinePart.weight, values), (.bias, bias)] {
            guard let parameter = layout.parameters.first(where: { $0.id == .head(Part.classifier, part) }),
                parameter.count == numbers.count
            else { preconditionFailure("a classifier of another size") }
            for (place, number) in numbers.enumerated() { weights.pointer[parameter.offset + place] = number }
        }
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { PooledClassificationPasses(context, self) }
    /// The usual metrics of the problem.
    public func makeMetrics() -> any MetricAccumulator { problem.makeMetrics(outputs: labels) }
}

/// The passes of ``PooledClassification``. S: sequences.
private final class PooledClassificationPasses: HeadPasses {
    private let embedding: SentenceEmbeddingPasses
    private let classifier: Linear<Float>
    private var saved: Activations?
    /// Those of the last forward pass.
    private var embeddings: Outputs?
    private let appendsEmbeddings: Bool
    /// (S, labels + width): logits with embeddings behind them, where these are asked for.
    private var appended = FloatBuffer(count: 0)

    /// What the backward pass needs.
    private struct Activations {
        /// (S, hidden): the embeddings, after dropout.
        var input: UnsafeMutablePointer<Float>
        /// (S, maskStride(hidden)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (S, labels)
        var logits: UnsafeMutablePointer<Float>
        /// (S, labels)
        var dLogits: UnsafeMutablePointer<Float>
    }

    init(_ context: HeadContext, _ head: PooledClassification) {
        classifier = context.linear(PooledClassification.Part.classifier)
        appendsEmbeddings = head.appendedWidth > 0
        embedding = SentenceEmbeddingPasses(
            SentenceEmbedding(width: classifier.slot.inputs, pooling: head.pooling, normalizes: head.normalizes))
    }

    private var width: Int { classifier.slot.inputs }
    private var labels: Int { classifier.slot.outputs }

    /// Where all rows are pooled there may be as many sequences as rows.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        embedding.layOut(workspace, rows: rows, dropout: dropout)
        let rows = Matmul.paddedRows(rows)
        let isDropping = dropout.map { !$0.head.isZero } ?? false
        saved = Activations(
            input: workspace.floats(rows * width), keep: isDropping ? workspace.bytes(rows * maskStride(width)) : nil,
            logits: workspace.floats(rows * labels), dLogits: workspace.floats(rows * labels))
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        let saved = activations
        let embeddings = embedding.forward(hidden, rows: rows, batch: batch, dropout: dropout)
        self.embeddings = embeddings
        saved.input.update(from: embeddings.values, count: embeddings.rows * width)
        if let dropout, let keep = saved.keep {
            for s in 0..<embeddings.rows {
                dropout.mask(
                    keep + s * maskStride(width), rate: dropout.head, site: .classifier, sample: batch.sampleKeys[s],
                    firstRow: 0, rows: 1, width: width)
            }
            shoal_dropout_apply(saved.input, keep, embeddings.rows, width, maskStride(width), dropout.head.scale)
        }
        classifier.forward(saved.input, saved.logits, rows: embeddings.rows)
        if appendsEmbeddings { return withEmbeddings(saved.logits, embeddings) }
        return Outputs(values: saved.logits, gradient: saved.dLogits, rows: embeddings.rows, width: labels)
    }

    /// Rows of logits with the embeddings behind them; there is no gradient of these.
    private func withEmbeddings(_ logits: UnsafeMutablePointer<Float>, _ embeddings: Outputs) -> Outputs {
        let total = labels + width
        if appended.count < embeddings.rows * total { appended = FloatBuffer(count: embeddings.rows * total) }
        for s in 0..<embeddings.rows {
            (appended.pointer + s * total).update(from: logits + s * labels, count: labels)
            (appended.pointer + s * total + labels).update(from: embeddings.values + s * width, count: width)
        }
        return Outputs(values: appended.pointer, gradient: appended.pointer, rows: embeddings.rows, width: total)
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        let saved = activations
        precondition(!appendsEmbeddings, "embeddings are appended to predict, not to learn")
        guard let embeddings else { preconditionFailure("a backward pass follows a forward pass") }
        let sequences = embeddings.rows
        classifier.backwardWeight(saved.dLogits, saved.input, rows: sequences, into: sink)
        classifier.backwardBias(saved.dLogits, rows: sequences, into: sink)
        guard dHidden != nil else { return }
        // The embeddings that the classifier read are read no more: their memory takes their gradient.
        classifier.backwardInput(saved.dLogits, saved.input, rows: sequences)
        if let dropout, let keep = saved.keep {
            shoal_dropout_apply(saved.input, keep, sequences, width, maskStride(width), dropout.head.scale)
        }
        embeddings.gradient.update(from: saved.input, count: sequences * width)
        embedding.backward(hidden, dHidden: dHidden, rows: rows, dropout: dropout, into: sink)
    }
}
