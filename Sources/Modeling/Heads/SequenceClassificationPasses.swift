import CKernels
import Foundation
import Numerics

/// The passes of ``SequenceClassification``. S: sequences.
final class SequenceClassificationPasses: HeadPasses {
    private let dense: Linear<Float>
    private let classifier: Linear<Float>
    private let shape: ClassifierShape
    private let norm: NormSlot?
    private let weights: UnsafePointer<Float>
    /// Beta of a LayerNorm that has none.
    private let zeros: FloatBuffer
    /// S + 1 offsets into the rows, where all of them are pooled.
    private var offsets: [Int32] = []
    private var saved: Activations?

    /// What the backward pass needs. Steps that the shape leaves out share memory with the one before.
    private struct Activations {
        /// (S, hidden): what the linear layer reads; nil for the encoder's rows.
        var input: UnsafeMutablePointer<Float>?
        /// (S, maskStride(hidden)) bytes, nil without dropout there.
        var inputKeep: UnsafeMutablePointer<UInt8>?
        /// (S, hidden), before GELU.
        var preActivation: UnsafeMutablePointer<Float>
        /// (S, hidden), after the activation.
        var activated: UnsafeMutablePointer<Float>
        /// (S, hidden) and (S), of the LayerNorm.
        var normalized: UnsafeMutablePointer<Float>?
        var rstd: UnsafeMutablePointer<Float>?
        /// (S, hidden), after the LayerNorm.
        var normed: UnsafeMutablePointer<Float>
        /// (S, hidden), after dropout.
        var dropped: UnsafeMutablePointer<Float>
        /// (S, maskStride(hidden)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (S, labels)
        var logits: UnsafeMutablePointer<Float>
        /// (S, labels)
        var dLogits: UnsafeMutablePointer<Float>
        /// (S, hidden), scratch.
        var gradient: UnsafeMutablePointer<Float>
        /// 2 hidden, scratch.
        var columns: UnsafeMutablePointer<Float>
    }

    init(_ context: HeadContext, _ shape: ClassifierShape) {
        typealias Part = SequenceClassification.Part
        dense = context.linear(Part.dense)
        classifier = context.linear(Part.classifier)
        norm = shape.norm == nil ? nil : context.layout.headNorm(Part.norm)
        weights = context.weights
        zeros = FloatBuffer(count: dense.slot.outputs)
        self.shape = shape
    }

    private var width: Int { dense.slot.outputs }
    private var labels: Int { classifier.slot.outputs }

    /// Where all rows are pooled there may be as many sequences as rows.
    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        let rows = Matmul.paddedRows(rows)
        let isDropping = dropout.map { !$0.head.isZero } ?? false
        func floats() -> UnsafeMutablePointer<Float> { workspace.floats(rows * width) }
        func mask() -> UnsafeMutablePointer<UInt8> { workspace.bytes(rows * maskStride(width)) }
        let dropsInput = isDropping && shape.dropsInput
        let preActivation = floats()
        let activated = shape.activation == .gelu ? floats() : preActivation
        let normed = norm == nil ? activated : floats()
        saved = Activations(
            input: dropsInput || shape.pooling == .mean ? floats() : nil, inputKeep: dropsInput ? mask() : nil,
            preActivation: preActivation, activated: activated, normalized: norm.map { _ in floats() },
            rstd: norm.map { _ in workspace.floats(rows) }, normed: normed, dropped: isDropping ? floats() : normed,
            keep: isDropping ? mask() : nil, logits: workspace.floats(rows * labels),
            dLogits: workspace.floats(rows * labels), gradient: floats(), columns: workspace.floats(2 * width))
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
        dense.forward(saved.input ?? hidden, saved.preActivation, rows: rows)
        switch shape.activation {
        case .tanh: for i in 0..<(rows * width) { saved.activated[i] = tanh(saved.activated[i]) }
        case .relu: shoal_relu_forward_f32(saved.activated, saved.preActivation, rows * width)
        case .gelu: shoal_gelu_forward_f32(saved.activated, saved.preActivation, rows * width)
        }
        if let norm, let settings = shape.norm {
            shoal_layer_norm_forward(
                saved.normed, nil, saved.normalized, saved.rstd, saved.activated, nil, nil, 0, 1, nil,
                weights + norm.gamma, norm.beta.map { weights + $0 } ?? UnsafePointer(zeros.pointer), rows, width,
                settings.epsilon)
        }
        if saved.keep != nil {
            saved.dropped.update(from: saved.normed, count: rows * width)
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
        normBackward(d, rows: rows, into: sink)
        switch shape.activation {
        case .tanh: for i in 0..<(rows * width) { d[i] *= 1 - saved.activated[i] * saved.activated[i] }
        case .relu, .gelu:
            // The kernels add up the gradient of the bias in any case.
            saved.columns.update(repeating: 0, count: width)
            if shape.activation == .relu {
                shoal_relu_backward_f32(d, saved.columns, saved.activated, rows, width)
            } else {
                shoal_gelu_backward_f32(d, saved.columns, saved.preActivation, rows, width)
            }
        }
        dense.backwardWeight(d, saved.input ?? hidden, rows: rows, into: sink)
        dense.backwardBias(d, rows: rows, into: sink)
        guard let dHidden else { return }
        guard shape.pooling == .mean else {
            dense.backwardInput(d, dHidden, rows: rows)
            return undrop(dHidden, saved.inputKeep)
        }
        // What was pooled is read no more: its memory takes its gradient.
        guard let pooled = saved.input else { preconditionFailure("what is pooled has memory of its own") }
        dense.backwardInput(d, pooled, rows: rows)
        undrop(pooled, saved.inputKeep)
        for s in 0..<rows {
            let (first, end) = (Int(offsets[s]), Int(offsets[s + 1]))
            shoal_scale(pooled + s * width, 1 / Float(end - first), width)
            for row in first..<end { (dHidden + row * width).update(from: pooled + s * width, count: width) }
        }
    }

    private func normBackward(_ d: UnsafeMutablePointer<Float>, rows: Int, into sink: any GradientSink) {
        guard let norm, let normalized = activations.normalized, let rstd = activations.rstd else { return }
        let columns = activations.columns
        columns.update(repeating: 0, count: 2 * width)
        shoal_layer_norm_backward_f32(
            d, nil, columns, columns + width, nil, d, normalized, rstd, nil, 0, 1, weights + norm.gamma, rows, width)
        guard norm.hasGradient else { return }
        sink.write(norm.gamma, width) { $0.update(from: columns, count: width) }
        if let beta = norm.beta { sink.write(beta, width) { $0.update(from: columns + width, count: width) } }
    }
}
