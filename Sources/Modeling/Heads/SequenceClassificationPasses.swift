import CKernels
import Numerics

/// The passes of ``SequenceClassification``. S: sequences.
final class SequenceClassificationPasses: HeadPasses {
    private let transform: ClassifierTransform
    private let classifier: Linear<Float>
    private let shape: ClassifierShape
    /// S + 1 offsets into the rows, where all of them are pooled.
    private var offsets: [Int32] = []
    private var saved: Activations?

    /// What the backward pass needs.
    private struct Activations {
        /// (S, hidden): what the linear layer reads; nil for the encoder's rows.
        var input: UnsafeMutablePointer<Float>?
        /// (S, maskStride(hidden)) bytes, nil without dropout there.
        var inputKeep: UnsafeMutablePointer<UInt8>?
        /// (S, hidden), after dropout; without it what the transform puts out.
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

    init(_ context: HeadContext, _ shape: ClassifierShape) {
        transform = ClassifierTransform(context, shape)
        classifier = context.linear(SequenceClassification.Part.classifier)
        self.shape = shape
    }

    private var width: Int { transform.width }
    private var labels: Int { classifier.slot.outputs }

    /// Where all rows are pooled there may be as many sequences as rows.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        let rows = Matmul.paddedRows(rows)
        let isDropping = dropout.map { !$0.head.isZero } ?? false
        func floats() -> UnsafeMutablePointer<Float> { workspace.floats(rows * width) }
        func mask() -> UnsafeMutablePointer<UInt8> { workspace.bytes(rows * maskStride(width)) }
        let dropsInput = isDropping && shape.dropsInput
        transform.layOut(workspace, rows: rows)
        saved = Activations(
            input: dropsInput || shape.pooling == .mean ? floats() : nil, inputKeep: dropsInput ? mask() : nil,
            dropped: isDropping ? floats() : transform.output, keep: isDropping ? mask() : nil,
            logits: workspace.floats(rows * labels), dLogits: workspace.floats(rows * labels), gradient: floats())
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        let saved = activations
        let rows = batch.sequenceCount
        if let input = saved.input {
            pool(hidden, batch, into: input)
            drop(input, saved.inputKeep, .classifierInput, batch, dropout)
        }
        transform.forward(saved.input ?? hidden, rows: rows)
        if saved.keep != nil {
            saved.dropped.update(from: transform.output, count: rows * width)
            drop(saved.dropped, saved.keep, .classifier, batch, dropout)
        }
        classifier.forward(saved.dropped, saved.logits, rows: rows)
        return Outputs(values: saved.logits, gradient: saved.dLogits, rows: rows, width: labels)
    }

    /// The rows of the first tokens as they are, or the mean over all rows of each sequence.
    private func pool(
        _ hidden: UnsafePointer<Float>, _ batch: PackedBatch, into pooled: UnsafeMutablePointer<Float>
    ) {
        guard shape.pooling == .mean else {
            return pooled.update(from: hidden, count: batch.sequenceCount * width)
        }
        offsets = batch.offsets
        pooled.update(repeating: 0, count: batch.sequenceCount * width)
        for s in 0..<batch.sequenceCount {
            let (first, end) = (Int(offsets[s]), Int(offsets[s + 1]))
            for row in first..<end { shoal_add(pooled + s * width, hidden + row * width, width) }
            shoal_scale(pooled + s * width, 1 / Float(end - first), width)
        }
    }

    /// Draws a mask, and applies it to (S, hidden).
    private func drop(
        _ values: UnsafeMutablePointer<Float>, _ keep: UnsafeMutablePointer<UInt8>?, _ site: DropoutPlan.Site,
        _ batch: PackedBatch, _ dropout: DropoutPlan?
    ) {
        guard let dropout, let keep else { return }
        for s in 0..<batch.sequenceCount {
            dropout.mask(
                keep + s * maskStride(width), rate: dropout.head, site: site, sample: batch.sampleKeys[s], firstRow: 0,
                rows: 1, width: width)
        }
        shoal_dropout_apply(values, keep, batch.sequenceCount, width, maskStride(width), dropout.head.scale)
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        let saved = activations
        let rows = shape.pooling == .mean ? offsets.count - 1 : rows
        classifier.backwardWeight(saved.dLogits, saved.dropped, rows: rows, into: sink)
        classifier.backwardBias(saved.dLogits, rows: rows, into: sink)
        let d = saved.gradient
        classifier.backwardInput(saved.dLogits, d, rows: rows)
        func undrop(_ d: UnsafeMutablePointer<Float>, _ keep: UnsafeMutablePointer<UInt8>?) {
            guard let dropout, let keep else { return }
            shoal_dropout_apply(d, keep, rows, width, maskStride(width), dropout.head.scale)
        }
        undrop(d, saved.keep)
        guard let dHidden, shape.pooling == .mean else {
            transform.backward(d, saved.input ?? hidden, dInput: dHidden, rows: rows, into: sink)
            if let dHidden { undrop(dHidden, saved.inputKeep) }
            return
        }
        // What was pooled is read no more: its memory takes its gradient.
        guard let pooled = saved.input else { preconditionFailure("what is pooled has memory of its own") }
        transform.backward(d, pooled, dInput: pooled, rows: rows, into: sink)
        undrop(pooled, saved.inputKeep)
        for s in 0..<rows {
            let (first, end) = (Int(offsets[s]), Int(offsets[s + 1]))
            shoal_scale(pooled + s * width, 1 / Float(end - first), width)
            for row in first..<end { (dHidden + row * width).update(from: pooled + s * width, count: width) }
        }
    }
}
