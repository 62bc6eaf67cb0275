import CKernels
import Numerics

/// A head for words: dropout and a linear classifier, and in some families a layer before them, on the tokens of which
/// something is to be learnt, as `…ForTokenClassification` of `transformers` has it.
///
/// It computes the target tokens alone, and so does the last layer of the encoder: of a word the first of its tokens.
public struct TokenClassification: Head {
    /// See ``Head``.
    public static let kind = "token-classification"
    /// The number of tags.
    public var labels: Int
    /// The dropout probability before the classifier.
    public var dropout: Float
    /// What stands before the classifier, whose pooling and dropout of the input do not count; nil for nothing.
    public var shape: ClassifierShape?

    /// What the name of its class in `transformers` ends with.
    public static let transformersClass = "ForTokenClassification"

    /// The names of its tensors in ``ParameterID``.
    enum Part {
        /// `classifier` in the files of every family, whatever their classifiers of sequences are called.
        static let classifier = "token_classifier"
    }

    /// A head for this many tags.
    public init(labels: Int, dropout: Float, shape: ClassifierShape? = nil) {
        self.labels = labels
        self.dropout = dropout
        self.shape = shape
    }

    /// The tokens that have a tag.
    public var reads: RowSelection { .targetTokens }
    /// A logit for each tag.
    public var outputWidth: Int { labels }
    /// It has.
    public var isPerToken: Bool { true }
    /// See ``transformersClass``.
    public var classSuffix: String? { Self.transformersClass }
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
        try shape?.validate()
    }

    /// Tags, at least one, or none at all; in an evaluation also those that stand for tags the head does not have.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .none: break
        case .tokens(let labels):
            var isEmpty = true
            for label in labels where label != Target.ignored {
                guard label >= 0 && Int(label) < self.labels || Target.unknownTags.contains(label) else {
                    throw .invalidBatch("a tag \(label) of a token, the model has \(self.labels)")
                }
                isEmpty = false
            }
            guard !isEmpty else { throw .invalidBatch("no token with a tag") }
        case .classes, .values: throw .invalidBatch("targets that are no tags of tokens")
        }
    }

    /// The classifier, and what stands before it.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        layout.linear({ .head(Part.classifier, $0) }, outputs: labels, inputs: encoder.hidden)
        if let shape { ClassifierTransform.declare(shape, width: encoder.hidden, into: &layout) }
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { TokenClassificationPasses(context, shape) }
    /// Precision, recall and F1 of spans.
    public func makeMetrics() -> any MetricAccumulator { SpanMetrics(labels: labels) }
}

/// The passes of ``TokenClassification``. R: target tokens.
private final class TokenClassificationPasses: HeadPasses {
    private let classifier: Linear<Float>
    private let transform: ClassifierTransform?
    private var saved: Activations?

    /// What the backward pass needs.
    private struct Activations {
        /// (R, hidden), after dropout; nil without it.
        var dropped: UnsafeMutablePointer<Float>?
        /// (R, maskStride(hidden)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (R, labels)
        var logits: UnsafeMutablePointer<Float>
        /// (R, labels)
        var dLogits: UnsafeMutablePointer<Float>
        /// (R, hidden), scratch; nil without a transform.
        var gradient: UnsafeMutablePointer<Float>?
    }

    init(_ context: HeadContext, _ shape: ClassifierShape?) {
        classifier = context.linear(TokenClassification.Part.classifier)
        transform = shape.map { ClassifierTransform(context, $0) }
    }

    private var width: Int { classifier.slot.inputs }
    private var labels: Int { classifier.slot.outputs }

    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        let rows = Matmul.paddedRows(rows)
        let isDropping = dropout.map { !$0.head.isZero } ?? false
        transform?.layOut(workspace, rows: rows)
        saved = Activations(
            dropped: isDropping ? workspace.floats(rows * width) : nil,
            keep: isDropping ? workspace.bytes(rows * maskStride(width)) : nil,
            logits: workspace.floats(rows * labels), dLogits: workspace.floats(rows * labels),
            gradient: transform.map { _ in workspace.floats(rows * width) })
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        let saved = activations
        transform?.forward(hidden, rows: rows)
        let input = transform?.output ?? hidden
        if let dropout, let keep = saved.keep, let dropped = saved.dropped {
            dropped.update(from: input, count: rows * width)
            drawMasks(keep, batch, dropout)
            shoal_dropout_apply(dropped, keep, rows, width, maskStride(width), dropout.head.scale)
        }
        classifier.forward(saved.dropped ?? input, saved.logits, rows: rows)
        return Outputs(values: saved.logits, gradient: saved.dLogits, rows: rows, width: labels)
    }

    /// A row's mask depends on its sample and on its place there, not on which other tokens have a tag.
    private func drawMasks(_ keep: UnsafeMutablePointer<UInt8>, _ batch: PackedBatch, _ dropout: DropoutPlan) {
        let selected = SelectedRows(.targetTokens, of: batch)
        guard let tokens = selected.tokens else { return }
        for s in 0..<batch.sequenceCount {
            for row in Int(selected.offsets[s])..<Int(selected.offsets[s + 1]) {
                dropout.mask(
                    keep + row * maskStride(width), rate: dropout.head, site: .classifier, sample: batch.sampleKeys[s],
                    firstRow: Int(tokens[row] - batch.offsets[s]), rows: 1, width: width)
            }
        }
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        let saved = activations
        classifier.backwardWeight(saved.dLogits, saved.dropped ?? transform?.output ?? hidden, rows: rows, into: sink)
        classifier.backwardBias(saved.dLogits, rows: rows, into: sink)
        guard let d = saved.gradient ?? dHidden else { return }
        classifier.backwardInput(saved.dLogits, d, rows: rows)
        if let dropout, let keep = saved.keep {
            shoal_dropout_apply(d, keep, rows, width, maskStride(width), dropout.head.scale)
        }
        transform?.backward(d, hidden, dInput: dHidden, rows: rows, into: sink)
    }
}
