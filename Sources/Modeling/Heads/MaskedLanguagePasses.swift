import CKernels
import Numerics

/// The passes of ``MaskedLanguageModel``, whose products with the word embedding are computed in `Element`. R: masked
/// tokens, V: tokens of the vocabulary.
final class MaskedLanguagePasses<Element: ComputeElement>: HeadPasses {
    private let transform: Linear<Float>
    private let norm: NormSlot
    private let weights: UnsafePointer<Float>
    /// Beta of a LayerNorm that has none.
    private let zeros: FloatBuffer
    /// (V, embedding width).
    private let words: UnsafePointer<Element>
    private let vocabulary: Int
    /// The first float of the decoder's bias.
    private let bias: Int
    private let hasGradient: Bool
    private let head: MaskedLanguageModel
    private let matmul: Matmul
    private var saved: Activations?
    /// R of the last forward pass.
    private var rows = 0

    /// What the backward pass needs.
    private struct Activations {
        /// (R, embedding width) here and below, before and after the activation.
        var preActivation: UnsafeMutablePointer<Float>
        var activation: UnsafeMutablePointer<Float>
        /// (R, width) and (R), of LayerNorm.
        var normalized: UnsafeMutablePointer<Float>
        var rstd: UnsafeMutablePointer<Float>
        /// (R, width), what the decoder reads.
        var decoded: DualRows<Element>
        /// (R, V): the logits, and then, in the same memory, their gradient.
        var logits: DualRows<Element>
        /// (R, width), scratch.
        var gradient: UnsafeMutablePointer<Float>
        /// 2 width, scratch.
        var columns: UnsafeMutablePointer<Float>
    }

    /// - Parameter elements: The flat vector of weights in `Element`.
    init(_ context: HeadContext, _ elements: UnsafePointer<Element>, _ head: MaskedLanguageModel) {
        let layout = context.layout
        transform = context.linear(MaskedLanguageModel.Part.transform)
        norm = layout.headNorm(MaskedLanguageModel.Part.norm)
        bias = layout.headTensor(MaskedLanguageModel.Part.decoder, .bias).offset
        hasGradient = layout.headBucket != nil
        weights = context.weights
        words = elements + layout.words.offset
        vocabulary = layout.words.rowCount
        matmul = context.matmul
        zeros = FloatBuffer(count: transform.slot.outputs)
        self.head = head
    }

    private var width: Int { transform.slot.outputs }

    func layOut(_ workspace: Workspace, rows: Int, dropout: DropoutPlan?) {
        let rows = Matmul.paddedRows(rows)
        let count = rows * width
        saved = Activations(
            preActivation: workspace.floats(count), activation: workspace.floats(count),
            normalized: workspace.floats(count), rstd: workspace.floats(rows),
            decoded: .layOut(workspace, count, shared: nil),
            logits: .layOut(workspace, rows * vocabulary, shared: nil), gradient: workspace.floats(count),
            columns: workspace.floats(2 * width))
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    func forward(
        _ hidden: UnsafeMutablePointer<Float>, rows: Int, batch: PackedBatch, dropout: DropoutPlan?
    ) -> Outputs {
        let saved = activations
        self.rows = rows
        transform.forward(hidden, saved.preActivation, rows: rows)
        activate(saved.activation, saved.preActivation, rows * width)
        shoal_layer_norm_forward(
            saved.decoded.residual, nil, saved.normalized, saved.rstd, saved.activation, nil, nil, 0, 1, nil,
            weights + norm.gamma, norm.beta.map { weights + $0 } ?? UnsafePointer(zeros.pointer), rows, width,
            head.epsilon)
        Element.round(saved.decoded.operand, saved.decoded.residual, rows * width)
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: vocabulary, k: width, a: saved.decoded.operand, lda: width,
            b: words, ldb: width, bias: weights + bias, c: saved.logits.residual, ldc: vocabulary)
        return Outputs(
            values: saved.logits.residual, gradient: saved.logits.residual, rows: rows, width: vocabulary)
    }

    func backward(
        _ hidden: UnsafeMutablePointer<Float>, dHidden: UnsafeMutablePointer<Float>?, rows: Int, dropout: DropoutPlan?,
        into sink: any GradientSink
    ) {
        let saved = activations
        let dLogits = saved.logits
        Element.round(dLogits.operand, dLogits.residual, rows * vocabulary)
        if hasGradient {
            sink.add(bias, vocabulary) { shoal_column_sums_f32($0, dLogits.residual, rows, vocabulary) }
        }
        guard hasGradient || dHidden != nil else { return }
        let d = saved.gradient
        matmul.multiply(
            m: Matmul.paddedRows(rows), n: width, k: vocabulary, a: dLogits.operand, lda: vocabulary, b: words,
            ldb: width, c: d, ldc: width)
        saved.columns.update(repeating: 0, count: 2 * width)
        shoal_layer_norm_backward_f32(
            d, nil, saved.columns, saved.columns + width, nil, d, saved.normalized, saved.rstd, nil, 0, 1,
            weights + norm.gamma, rows, width)
        if norm.hasGradient {
            sink.write(norm.gamma, width) { $0.update(from: saved.columns, count: width) }
            if let beta = norm.beta {
                sink.write(beta, width) { $0.update(from: saved.columns + width, count: width) }
            }
        }
        if transform.slot.hasGradient, let bias = transform.slot.bias {
            sink.add(bias, width) { activateBackward(d, $0, saved.preActivation, rows) }
        } else {
            // The kernel adds up the gradient of the bias in any case.
            saved.columns.update(repeating: 0, count: width)
            activateBackward(d, saved.columns, saved.preActivation, rows)
        }
        transform.backwardWeight(d, hidden, rows: rows, into: sink)
        if let dHidden { transform.backwardInput(d, dHidden, rows: rows) }
    }

    /// y = activation(x).
    private func activate(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int) {
        switch head.activation {
        case .gelu, .geglu: shoal_gelu_forward_f32(y, x, count)
        case .geluTanh: shoal_gelu_tanh_forward_f32(y, x, count)
        case .relu: shoal_relu_forward_f32(y, x, count)
        }
    }

    /// The gradient of x (R, width), in place of that of y; adds its column sums to `bias`.
    private func activateBackward(
        _ d: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ rows: Int
    ) {
        switch head.activation {
        case .gelu, .geglu: shoal_gelu_backward_f32(d, bias, x, rows, width)
        case .geluTanh: shoal_gelu_tanh_backward_f32(d, bias, x, rows, width)
        case .relu: shoal_relu_backward_f32(d, bias, x, rows, width)
        }
    }

    func writeWordGradient(_ part: Range<Int>, to gradient: UnsafeMutablePointer<Float>) {
        let saved = activations
        let padded = Matmul.paddedRows(rows)
        if part.lowerBound == 0 {
            (saved.logits.operand + rows * vocabulary).clear((padded - rows) * vocabulary)
            (saved.decoded.operand + rows * width).clear((padded - rows) * width)
        }
        matmul.multiply(
            transposeA: true, m: part.count, n: width, k: padded, a: saved.logits.operand + part.lowerBound,
            lda: vocabulary, b: saved.decoded.operand, ldb: width, c: gradient, ldc: width)
    }
}
