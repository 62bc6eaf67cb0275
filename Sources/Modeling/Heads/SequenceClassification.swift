import CKernels
import Foundation
import Numerics

/// A head for sequences (Devlin et al. 2019): the pooler (a linear layer and tanh on the first token), dropout, and a
/// linear classifier.
public struct SequenceClassification: Head {
    /// See ``Head``.
    public static let kind = "sequence-classification"
    /// The number of classes.
    public var labels: Int
    /// The dropout probability before the classifier.
    public var dropout: Float
    /// What the outputs mean.
    public var problem: ProblemType

    /// A head for this many classes, or numbers.
    public init(labels: Int, dropout: Float, problem: ProblemType = .singleLabel) {
        self.labels = labels
        self.dropout = dropout
        self.problem = problem
    }

    /// The first token of each sequence.
    public var reads: RowSelection { .firstTokens }
    /// The most classes that a model may have.
    static let maxLabels = 1_000_000
    /// A logit for each class.
    public var outputWidth: Int { labels }
    /// See ``ModelPurpose``.
    public var classSuffix: String? { ModelPurpose.sequenceClassification }
    /// The classifier.
    public var labelLinear: String? { "classifier" }

    /// See ``Head``.
    public func validate() throws(ModelError) {
        guard (1...Self.maxLabels).contains(labels) else {
            throw .invalidModel("the number of labels is \(labels), must be 1 to \(Self.maxLabels)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalidModel("a dropout probability is \(dropout), must be at least 0 and below 1")
        }
    }

    /// One class for each sequence, or a number for each output, or none at all.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch (targets, problem) {
        case (.none, _): break
        case (.classes(let classes), .singleLabel):
            for label in classes where label < 0 || Int(label) >= labels {
                throw .invalidBatch("label \(label), the model has \(labels)")
            }
        case (.values(let values, let width), .multiLabel), (.values(let values, let width), .regression):
            guard width == labels else { throw .invalidBatch("\(width) values of a text, the model has \(labels)") }
            if problem == .multiLabel, let value = values.first(where: { $0 != 0 && $0 != 1 }) {
                throw .invalidBatch("a label that is \(value), not 0 or 1")
            }
        default: throw .invalidBatch("targets of another kind than \(problem.rawValue)")
        }
    }

    /// Classifier, then pooler.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {
        layout.linear({ .head("classifier", $0) }, outputs: labels, inputs: encoder.hidden)
        layout.linear({ .head("pooler", $0) }, outputs: encoder.hidden, inputs: encoder.hidden)
    }

    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { SequenceClassificationPasses(context) }
    /// The usual metrics of the problem.
    public func makeMetrics() -> any MetricAccumulator {
        switch problem {
        case .singleLabel: ClassificationMetrics(classes: labels)
        case .multiLabel: MultiLabelMetrics(labels: labels)
        case .regression: RegressionMetrics(values: labels)
        }
    }
}

/// The passes of ``SequenceClassification``. S: sequences.
private final class SequenceClassificationPasses: HeadPasses {
    private let pooler: Linear<Float>
    private let classifier: Linear<Float>
    private var saved: Activations?

    /// What the backward pass needs.
    private struct Activations {
        /// (S, hidden), after tanh.
        var pooled: UnsafeMutablePointer<Float>
        /// (S, hidden), after dropout; the same memory as `pooled` without it.
        var dropped: UnsafeMutablePointer<Float>
        /// (S, maskStride(hidden)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (S, labels)
        var logits: UnsafeMutablePointer<Float>
        /// (S, labels)
        var dLogits: UnsafeMutablePointer<Float>
        /// (S, hidden), scratch.
        var gradient: UnsafeMutablePointer<Float>
    }

    init(_ context: HeadContext) {
        pooler = context.linear("pooler")
        classifier = context.linear("classifier")
    }

    private var width: Int { pooler.slot.outputs }
    private var labels: Int { classifier.slot.outputs }

    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        let rows = Matmul.paddedRows(rows)
        let isDropping = dropout.map { !$0.head.isZero } ?? false
        let pooled = workspace.floats(rows * width)
        saved = Activations(
            pooled: pooled, dropped: isDropping ? workspace.floats(rows * width) : pooled,
            keep: isDropping ? workspace.bytes(rows * maskStride(width)) : nil,
            logits: workspace.floats(rows * labels), dLogits: workspace.floats(rows * labels),
            gradient: workspace.floats(rows * width))
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        let saved = activations
        pooler.forward(hidden, saved.pooled, rows: rows)
        for i in 0..<(rows * width) { saved.pooled[i] = tanh(saved.pooled[i]) }
        if let dropout, let keep = saved.keep {
            saved.dropped.update(from: saved.pooled, count: rows * width)
            for s in 0..<rows {
                dropout.mask(
                    keep + s * maskStride(width), rate: dropout.head, site: .classifier, sample: batch.sampleKeys[s],
                    firstRow: 0, rows: 1, width: width)
            }
            shoal_dropout_apply(saved.dropped, keep, rows, width, maskStride(width), dropout.head.scale)
        }
        classifier.forward(saved.dropped, saved.logits, rows: rows)
        return Outputs(values: saved.logits, gradient: saved.dLogits, rows: rows, width: labels)
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        let saved = activations
        classifier.backwardWeight(saved.dLogits, saved.dropped, rows: rows, into: sink)
        classifier.backwardBias(saved.dLogits, rows: rows, into: sink)
        let d = saved.gradient
        classifier.backwardInput(saved.dLogits, d, rows: rows)
        if let dropout, let keep = saved.keep {
            shoal_dropout_apply(d, keep, rows, width, maskStride(width), dropout.head.scale)
        }
        for i in 0..<(rows * width) { d[i] *= 1 - saved.pooled[i] * saved.pooled[i] }
        pooler.backwardWeight(d, hidden, rows: rows, into: sink)
        pooler.backwardBias(d, rows: rows, into: sink)
        if let dHidden { pooler.backwardInput(d, dHidden, rows: rows) }
    }
}
