import CKernels
import Numerics

/// One post-norm encoder layer of BERT (Devlin et al. 2019): self-attention and a feed-forward network, each with a
/// residual connection and a LayerNorm.
///
/// In the last layer of a classifier only the first token of each sequence is looked at, so only its query, its
/// attention output and its feed-forward network are computed (`firstTokenOnly`): the same result for a sixth of the
/// work.
struct EncoderLayer {
    let weights: UnsafePointer<Float>
    let place: ParameterLayout.LayerPlace
    let attention: Attention
    let epsilon: Float
    /// T, the rows of the input.
    let tokens: Int
    /// The rows of the output: T, or S where `firstTokenOnly`.
    let rows: Int

    private var hidden: Int { place.query.inputs }
    private var intermediate: Int { place.intermediate.outputs }
    private var firstTokenOnly: Bool { attention.firstTokenOnly }

    /// What the forward pass leaves for the backward pass.
    struct Activations {
        /// (rows, hidden): rows of the input that have a query; nil where that is all of them.
        var queryInput: UnsafeMutablePointer<Float>?
        /// (tokens, 3 hidden); with `firstTokenOnly` (tokens, 2 hidden) keys and values, and queries apart.
        var qkv: UnsafeMutablePointer<Float>
        /// (rows, hidden), only with `firstTokenOnly`.
        var queries: UnsafeMutablePointer<Float>?
        /// Attention probabilities, see ``Attention``.
        var probabilities: UnsafeMutablePointer<Float>
        /// (rows, hidden)
        var context: UnsafeMutablePointer<Float>
        var attentionNorm: ResidualNorm.Saved
        /// (rows, hidden)
        var attentionOutput: UnsafeMutablePointer<Float>
        /// (rows, intermediate), before and after GELU.
        var preActivation: UnsafeMutablePointer<Float>
        var activation: UnsafeMutablePointer<Float>
        var outputNorm: ResidualNorm.Saved
        /// (rows, hidden)
        var output: UnsafeMutablePointer<Float>
    }

    /// Memory that no later pass needs, shared by all layers.
    struct Scratch {
        /// (tokens, hidden) each.
        var a: UnsafeMutablePointer<Float>
        var b: UnsafeMutablePointer<Float>
        /// (tokens, intermediate)
        var wide: UnsafeMutablePointer<Float>
        /// (tokens, 3 hidden)
        var dqkv: UnsafeMutablePointer<Float>
        /// (rows, hidden)
        var dq: UnsafeMutablePointer<Float>
        /// 3 hidden
        var columns: UnsafeMutablePointer<Float>
        var attention: Attention.Scratch
    }

    /// Lays out the activations of a layer; without `training` several layers can share one.
    static func layOut(
        _ workspace: Workspace, tokens: Int, rows: Int, hidden: Int, intermediate: Int, probabilities: Int,
        firstTokenOnly: Bool, training: Bool, hiddenDropout: Bool
    ) -> Activations {
        func saved() -> ResidualNorm.Saved {
            ResidualNorm.Saved(
                normalized: training ? workspace.floats(rows * hidden) : nil,
                rstd: training ? workspace.floats(rows) : nil,
                keep: hiddenDropout ? workspace.bytes(rows * maskStride(hidden)) : nil)
        }
        let pre = workspace.floats(rows * intermediate)
        return Activations(
            queryInput: firstTokenOnly ? workspace.floats(rows * hidden) : nil,
            qkv: workspace.floats(tokens * (firstTokenOnly ? 2 : 3) * hidden),
            queries: firstTokenOnly ? workspace.floats(rows * hidden) : nil,
            probabilities: workspace.floats(probabilities), context: workspace.floats(rows * hidden),
            attentionNorm: saved(), attentionOutput: workspace.floats(rows * hidden), preActivation: pre,
            activation: training ? workspace.floats(rows * intermediate) : pre, outputNorm: saved(),
            output: workspace.floats(rows * hidden))
    }

    private var hiddenRate: DropoutRate? {
        guard let dropout = attention.dropout, !dropout.hidden.isZero else { return nil }
        return dropout.hidden
    }

    private var attentionNorm: ResidualNorm {
        ResidualNorm(
            weights: weights, place: place.attentionNorm, bias: place.attentionOutput.bias, width: hidden,
            epsilon: epsilon)
    }

    private var outputNorm: ResidualNorm {
        ResidualNorm(
            weights: weights, place: place.outputNorm, bias: place.output.bias, width: hidden, epsilon: epsilon)
    }

    /// Query, key and value as one layer of (3 hidden, hidden).
    private var fusedQKV: Linear {
        var fused = place.query
        fused.outputs = 3 * hidden
        return Linear(weights, fused)
    }

    /// Key and value as one layer of (2 hidden, hidden).
    private var fusedKV: Linear {
        var fused = place.key
        fused.outputs = 2 * hidden
        return Linear(weights, fused)
    }

    private func operands(
        _ qkv: UnsafeMutablePointer<Float>, queries: UnsafeMutablePointer<Float>?
    ) -> (q: Attention.Operand, k: Attention.Operand, v: Attention.Operand) {
        if let queries {
            return (
                .init(pointer: queries, stride: hidden), .init(pointer: qkv, stride: 2 * hidden),
                .init(pointer: qkv + hidden, stride: 2 * hidden)
            )
        }
        return (
            .init(pointer: qkv, stride: 3 * hidden), .init(pointer: qkv + hidden, stride: 3 * hidden),
            .init(pointer: qkv + 2 * hidden, stride: 3 * hidden)
        )
    }

    /// Draws the mask of the rows of this layer's output.
    private func mask(_ keep: UnsafeMutablePointer<UInt8>?, _ site: DropoutPlan.Site) {
        guard let keep, let dropout = attention.dropout, let rate = hiddenRate else { return }
        var row = 0
        for (s, key) in attention.sampleKeys.enumerated() {
            let count = firstTokenOnly ? 1 : Int(attention.offsets[s + 1] - attention.offsets[s])
            dropout.mask(
                keep + row * maskStride(hidden), rate: rate, site: site, sample: key, firstRow: 0, rows: count,
                width: hidden)
            row += count
        }
    }

    /// x: (tokens, hidden) → `saved.output`: (rows, hidden).
    func forward(_ x: UnsafePointer<Float>, saved: Activations, scratch: Scratch) {
        var residual = x
        if let queryInput = saved.queryInput, let queries = saved.queries {
            for s in 0..<rows {
                (queryInput + s * hidden).update(from: x + Int(attention.offsets[s]) * hidden, count: hidden)
            }
            residual = UnsafePointer(queryInput)
            Linear(weights, place.query).forward(queryInput, queries, rows: rows)
            fusedKV.forward(x, saved.qkv, rows: tokens)
        } else {
            fusedQKV.forward(x, saved.qkv, rows: tokens)
        }
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        attention.forward(
            q: q, k: k, v: v, p: saved.probabilities, context: saved.context, scratch: scratch.attention)

        Linear(weights, place.attentionOutput).forwardWithoutBias(saved.context, scratch.a, rows: rows)
        mask(saved.attentionNorm.keep, .attentionOutput(layer: attention.layer))
        attentionNorm.forward(
            scratch.a, residual: residual, y: saved.attentionOutput, saved: saved.attentionNorm, rate: hiddenRate,
            rows: rows)

        let inner = Linear(weights, place.intermediate)
        inner.forwardWithoutBias(saved.attentionOutput, saved.preActivation, rows: rows)
        shoal_bias_gelu_forward(saved.activation, saved.preActivation, inner.bias, rows, intermediate)
        Linear(weights, place.output).forwardWithoutBias(saved.activation, scratch.a, rows: rows)
        mask(saved.outputNorm.keep, .output(layer: attention.layer))
        outputNorm.forward(
            scratch.a, residual: saved.attentionOutput, y: saved.output, saved: saved.outputNorm, rate: hiddenRate,
            rows: rows)
    }

    /// From dy (rows, hidden), which is overwritten: dx (tokens, hidden) and the gradients of the parameters. dx may be
    /// the memory of dy where it holds `tokens` rows.
    func backward(
        x: UnsafePointer<Float>, dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        // Feed-forward network. After this dy holds the gradient of its residual, scratch.a that of its output.
        outputNorm.backward(
            dy, dResidual: dy, da: scratch.a, saved: saved.outputNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        let outer = Linear(weights, place.output)
        outer.backwardWeight(scratch.a, saved.activation, rows: rows, into: sink)
        outer.backwardInput(scratch.a, scratch.wide, rows: rows)
        let inner = Linear(weights, place.intermediate)
        sink.add(place.intermediate.bias, intermediate) {
            shoal_bias_gelu_backward(scratch.wide, $0, saved.preActivation, rows, intermediate)
        }
        inner.backwardWeight(scratch.wide, saved.attentionOutput, rows: rows, into: sink)
        inner.backwardInput(scratch.wide, dy, rows: rows, accumulate: true)

        // Attention. After this dy holds the gradient of its residual, scratch.a that of its output.
        attentionNorm.backward(
            dy, dResidual: dy, da: scratch.a, saved: saved.attentionNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        let projection = Linear(weights, place.attentionOutput)
        projection.backwardWeight(scratch.a, saved.context, rows: rows, into: sink)
        projection.backwardInput(scratch.a, scratch.b, rows: rows)
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        let (dq, dk, dv) = operands(scratch.dqkv, queries: firstTokenOnly ? scratch.dq : nil)
        attention.backward(
            q: q, k: k, v: v, p: saved.probabilities, dContext: scratch.b, dq: dq, dk: dk, dv: dv,
            scratch: scratch.attention)

        if let queryInput = saved.queryInput {
            let query = Linear(weights, place.query)
            query.backwardWeight(scratch.dq, queryInput, rows: rows, into: sink)
            fusedKV.backwardWeight(scratch.dqkv, x, rows: tokens, into: sink)
            query.backwardBias(scratch.dq, rows: rows, into: sink)
            fusedKV.backwardBias(scratch.dqkv, rows: tokens, into: sink)
            query.backwardInput(scratch.dq, dy, rows: rows, accumulate: true)
            // The gradient of the queries' rows waits in scratch.b while dx, perhaps the same memory, is filled.
            scratch.b.update(from: dy, count: rows * hidden)
            fusedKV.backwardInput(scratch.dqkv, dx, rows: tokens)
            for s in 0..<rows {
                shoal_add(dx + Int(attention.offsets[s]) * hidden, scratch.b + s * hidden, hidden)
            }
        } else {
            fusedQKV.backwardWeight(scratch.dqkv, x, rows: tokens, into: sink)
            fusedQKV.backwardBias(scratch.dqkv, rows: tokens, into: sink)
            fusedQKV.backwardInput(scratch.dqkv, dy, rows: tokens, accumulate: true)
            if dx != dy { dx.update(from: dy, count: tokens * hidden) }
        }
    }
}
