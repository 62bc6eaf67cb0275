import CKernels
import Numerics

/// The passes of ``MaskedLanguageModel``, whose products with the word embedding are computed in `Element`. R: masked
/// tokens, V: tokens of the vocabulary.
final class MaskedLanguagePasses<Element: ComputeElement>: HeadPasses {
    private let transform: Linear<Float>
    private let norm: NormSlot
    private let weights: UnsafePointer<Float>
    /// (V, hidden).
    private let words: UnsafePointer<Element>
    private let vocabulary: Int
    /// The first float of the decoder's bias.
    private let bias: Int
    private let hasGradient: Bool
    private let epsilon: Float
    private let matmul: Matmul
    private var saved: Activations?
    /// R of the last forward pass.
    private var rows = 0

    /// What the backward pass needs.
    private struct Activations {
        /// (R, hidden), before and after GELU.
        var preActivation: UnsafeMutablePointer<Float>
        var activation: UnsafeMutablePointer<Float>
        /// (R, hidden) and (R), of LayerNorm.
        var normalized: UnsafeMutablePointer<Float>
        var rstd: UnsafeMutablePointer<Float>
        /// (R, hidden), what the decoder reads.
        var decoded: DualRows<Element>
        /// (R, V): the logits, and then, in the same memory, their gradient.
        var logits: DualRows<Element>
        /// (R, hidden), scratch.
        var gradient: UnsafeMutablePointer<Float>
        /// 2 hidden, scratch.
        var columns: UnsafeMutablePointer<Float>
    }

    /// - Parameter elements: The flat vector of weights in `Element`.
    init(_ context: HeadContext, _ elements: UnsafePointer<Element>, epsilon: Float) {
        let layout = context.layout
        transform = context.linear(MaskedLanguageModel.Part.transform)
        norm = layout.headNorm(MaskedLanguageModel.Part.norm)
        bias = layout.headTensor(MaskedLanguageModel.Part.decoder, .bias).offset
        hasGradient = layout.headBucket != nil
        weights = context.weights
        words = elements + layout.words.offset
        vocabulary = layout.words.rowCount
        matmul = context.matmul
        self.epsilon = epsilon
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
        shoal_gelu_forward_f32(saved.activation, saved.preActivation, rows * width)
        shoal_layer_norm_forward(
            saved.decoded.residual, nil, saved.normalized, saved.rstd, saved.activation, nil, nil, 0, 1, nil,
            weights + norm.gamma, weights + norm.beta, rows, width, epsilon)
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
            sink.write(norm.beta, width) { $0.update(from: saved.columns + width, count: width) }
        }
        if transform.slot.hasGradient {
            sink.add(transform.slot.bias, width) {
                shoal_gelu_backward_f32(d, $0, saved.preActivation, rows, width)
            }
        } else {
            // The kernel adds up the gradient of the bias in any case.
            saved.columns.update(repeating: 0, count: width)
            shoal_gelu_backward_f32(d, saved.columns, saved.preActivation, rows, width)
        }
        transform.backwardWeight(d, hidden, rows: rows, into: sink)
        if let dHidden { transform.backwardInput(d, dHidden, rows: rows) }
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
