import CKernels
import Foundation
import Numerics

/// BERT's head for sequences: the pooler (a linear layer and tanh on the first token), dropout, a linear classifier.
struct ClassificationHead {
    let pooler: Linear<Float>
    let classifier: Linear<Float>
    let dropout: DropoutPlan?

    /// What the backward pass needs.
    struct Activations {
        /// (S, hidden), after tanh.
        var pooled: UnsafeMutablePointer<Float>
        /// (S, hidden), after dropout; the same memory as `pooled` without it.
        var dropped: UnsafeMutablePointer<Float>
        /// (S, maskStride(hidden)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (S, labels)
        var logits: UnsafeMutablePointer<Float>
        /// (S, labels), scratch for their gradient.
        var dLogits: UnsafeMutablePointer<Float>
        /// (S, hidden), scratch.
        var gradient: UnsafeMutablePointer<Float>
    }

    /// Lays out the activations of S sequences.
    static func layOut(_ workspace: Workspace, rows: Int, hidden: Int, labels: Int, dropout: Bool) -> Activations {
        let rows = Matmul.paddedRows(rows)
        let pooled = workspace.floats(rows * hidden)
        return Activations(
            pooled: pooled, dropped: dropout ? workspace.floats(rows * hidden) : pooled,
            keep: dropout ? workspace.bytes(rows * maskStride(hidden)) : nil, logits: workspace.floats(rows * labels),
            dLogits: workspace.floats(rows * labels), gradient: workspace.floats(rows * hidden))
    }

    private var width: Int { pooler.place.outputs }

    /// first: (S, hidden), the encoder's output at each first token → `saved.logits` (S, labels).
    func forward(_ first: UnsafePointer<Float>, sampleKeys: [UInt32], rows: Int, saved: Activations) {
        pooler.forward(first, saved.pooled, rows: rows)
        for i in 0..<(rows * width) { saved.pooled[i] = tanh(saved.pooled[i]) }
        if let dropout, let keep = saved.keep {
            saved.dropped.update(from: saved.pooled, count: rows * width)
            for s in 0..<rows {
                dropout.mask(
                    keep + s * maskStride(width), rate: dropout.classifier, site: .classifier, sample: sampleKeys[s],
                    firstRow: 0, rows: 1, width: width)
            }
            shoal_dropout_apply(saved.dropped, keep, rows, width, maskStride(width), dropout.classifier.scale)
        }
        classifier.forward(saved.dropped, saved.logits, rows: rows)
    }

    /// From `saved.dLogits` (S, labels): dFirst (S, hidden) and the gradients of both layers.
    func backward(
        _ first: UnsafeMutablePointer<Float>, dFirst: UnsafeMutablePointer<Float>, rows: Int, saved: Activations,
        into sink: some GradientSink
    ) {
        classifier.backwardWeight(saved.dLogits, saved.dropped, rows: rows, into: sink)
        classifier.backwardBias(saved.dLogits, rows: rows, into: sink)
        let d = saved.gradient
        classifier.backwardInput(saved.dLogits, d, rows: rows)
        if let dropout, let keep = saved.keep {
            shoal_dropout_apply(d, keep, rows, width, maskStride(width), dropout.classifier.scale)
        }
        for i in 0..<(rows * width) { d[i] *= 1 - saved.pooled[i] * saved.pooled[i] }
        pooler.backwardWeight(d, first, rows: rows, into: sink)
        pooler.backwardBias(d, rows: rows, into: sink)
        pooler.backwardInput(d, dFirst, rows: rows)
        sink.finish(bucket: 0)
    }
}
