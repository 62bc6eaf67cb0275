import CKernels
import Numerics

/// One post-norm encoder layer of BERT (Devlin et al. 2019): self-attention and a feed-forward network, each with a
/// residual connection and a LayerNorm.
///
/// In the last layer of a classifier only the first token of each sequence is looked at, so only its query, its
/// attention output and its feed-forward network are computed (`firstTokenOnly`): the same result for a sixth of the
/// work.
struct EncoderLayer<Element: ComputeElement> {
    let weights: WeightsView<Element>
    let place: ParameterLayout.LayerPlace
    let attention: Attention<Element>
    let epsilon: Float
    /// T, the rows of the input.
    let tokens: Int
    /// The rows of the output: T, or S where `firstTokenOnly`.
    let rows: Int

    private var hidden: Int { place.query.inputs }
    private var intermediate: Int { place.intermediate.outputs }
    private var matmul: Matmul { attention.matmul }
    private var recorder: SpanRecorder? { attention.recorder }
    private var firstTokenOnly: Bool { attention.firstTokenOnly }

    /// What the forward pass leaves for the backward pass.
    struct Activations {
        /// (rows, hidden): rows of the input that have a query; nil where that is all of them.
        var queryInput: Stream<Element>?
        /// (tokens, 3 hidden); with `firstTokenOnly` (tokens, 2 hidden) keys and values, and queries apart.
        var qkv: UnsafeMutablePointer<Element>
        /// (rows, hidden), only with `firstTokenOnly`.
        var queries: UnsafeMutablePointer<Element>?
        /// Attention probabilities, see ``Attention``.
        var probabilities: UnsafeMutablePointer<Element>
        /// (rows, hidden)
        var context: UnsafeMutablePointer<Element>
        var attentionNorm: ResidualNorm.Saved
        /// (rows, hidden)
        var attentionOutput: Stream<Element>
        /// (rows, intermediate), before and after GELU.
        var preActivation: UnsafeMutablePointer<Element>
        var activation: UnsafeMutablePointer<Element>
        var outputNorm: ResidualNorm.Saved
        /// (rows, hidden)
        var output: Stream<Element>
    }

    /// Memory for the floats of streams, where a backward pass reads their elements alone. A layer's output may take
    /// that of its input.
    struct SharedFloats {
        /// (tokens, hidden): of the input and the output of a layer.
        var output: UnsafeMutablePointer<Float>?
        /// (tokens, hidden): of the attention's output.
        var attentionOutput: UnsafeMutablePointer<Float>?
        /// (rows, hidden): of the input's rows that have a query.
        var queryInput: UnsafeMutablePointer<Float>?
    }

    /// Memory that no later pass needs, shared by all layers.
    struct Scratch {
        /// (tokens, hidden): the sum that goes into a LayerNorm, and its gradient.
        var a: Stream<Element>
        /// (tokens, hidden)
        var b: UnsafeMutablePointer<Element>
        /// (tokens, intermediate)
        var wide: UnsafeMutablePointer<Element>
        /// (tokens, 3 hidden)
        var dqkv: UnsafeMutablePointer<Element>
        /// (rows, hidden) each.
        var dq: UnsafeMutablePointer<Element>
        var queryGradient: UnsafeMutablePointer<Float>
        /// 3 hidden
        var columns: UnsafeMutablePointer<Float>
        var attention: Attention<Element>.Scratch
    }

    /// Lays out the activations of a layer; without `training` several layers can share one.
    static func layOut(
        _ workspace: Workspace, tokens: Int, rows: Int, hidden: Int, intermediate: Int, probabilities: Int,
        firstTokenOnly: Bool, training: Bool, hiddenDropout: Bool, shared: SharedFloats
    ) -> Activations {
        func saved() -> ResidualNorm.Saved {
            ResidualNorm.Saved(
                normalized: training ? workspace.floats(rows * hidden) : nil,
                rstd: training ? workspace.floats(rows) : nil,
                keep: hiddenDropout ? workspace.bytes(rows * maskStride(hidden)) : nil)
        }
        func elements(_ count: Int) -> UnsafeMutablePointer<Element> { Element.allocate(count, in: workspace) }
        let pre = elements(rows * intermediate)
        return Activations(
            queryInput: firstTokenOnly ? .layOut(workspace, rows * hidden, shared: shared.queryInput) : nil,
            qkv: elements(tokens * (firstTokenOnly ? 2 : 3) * hidden),
            queries: firstTokenOnly ? elements(rows * hidden) : nil, probabilities: elements(probabilities),
            context: elements(rows * hidden), attentionNorm: saved(),
            attentionOutput: .layOut(workspace, rows * hidden, shared: shared.attentionOutput), preActivation: pre,
            activation: training ? elements(rows * intermediate) : pre, outputNorm: saved(),
            output: .layOut(workspace, rows * hidden, shared: shared.output))
    }

    private var hiddenRate: DropoutRate? {
        guard let dropout = attention.dropout, !dropout.hidden.isZero else { return nil }
        return dropout.hidden
    }

    private var attentionNorm: ResidualNorm {
        ResidualNorm(
            weights: weights.floats, place: place.attentionNorm, bias: place.attentionOutput.bias, width: hidden,
            epsilon: epsilon)
    }

    private var outputNorm: ResidualNorm {
        ResidualNorm(
            weights: weights.floats, place: place.outputNorm, bias: place.output.bias, width: hidden, epsilon: epsilon)
    }

    private func linear(_ place: ParameterLayout.LinearPlace) -> Linear<Element> { Linear(weights, place, matmul) }

    /// Query, key and value as one layer of (3 hidden, hidden).
    private var fusedQKV: Linear<Element> {
        var fused = place.query
        fused.outputs = 3 * hidden
        return linear(fused)
    }

    /// Key and value as one layer of (2 hidden, hidden).
    private var fusedKV: Linear<Element> {
        var fused = place.key
        fused.outputs = 2 * hidden
        return linear(fused)
    }

    private func operands(
        _ qkv: UnsafeMutablePointer<Element>, queries: UnsafeMutablePointer<Element>?
    ) -> (q: Attention<Element>.Operand, k: Attention<Element>.Operand, v: Attention<Element>.Operand) {
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
    func forward(_ x: Stream<Element>, saved: Activations, scratch: Scratch) {
        var residual = x.floats
        if let queryInput = saved.queryInput, let queries = saved.queries {
            for s in 0..<rows {
                let from = Int(attention.offsets[s]) * hidden
                queryInput.floats.advanced(by: s * hidden).update(from: x.floats + from, count: hidden)
                queryInput.elements.advanced(by: s * hidden).update(from: x.elements + from, count: hidden)
            }
            residual = queryInput.floats
            linear(place.query).forward(queryInput.elements, queries, rows: rows)
            fusedKV.forward(x.elements, saved.qkv, rows: tokens)
        } else {
            fusedQKV.forward(x.elements, saved.qkv, rows: tokens)
        }
        recorder?.end("query, key, value, forward")
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        attention.forward(
            q: q, k: k, v: v, p: saved.probabilities, context: saved.context, scratch: scratch.attention)
        recorder?.end("attention, forward")

        linear(place.attentionOutput).forwardWithoutBias(saved.context, scratch.a.floats, rows: rows)
        recorder?.end("attention output, forward")
        mask(saved.attentionNorm.keep, .attentionOutput(layer: attention.layer))
        attentionNorm.forward(
            scratch.a.floats, residual: residual, y: saved.attentionOutput, saved: saved.attentionNorm,
            rate: hiddenRate, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")

        linear(place.intermediate).forward(saved.attentionOutput.elements, saved.preActivation, rows: rows)
        recorder?.end("intermediate, forward")
        Element.geluForward(saved.activation, saved.preActivation, rows * intermediate)
        recorder?.end("GELU, forward")
        linear(place.output).forwardWithoutBias(saved.activation, scratch.a.floats, rows: rows)
        recorder?.end("output, forward")
        mask(saved.outputNorm.keep, .output(layer: attention.layer))
        outputNorm.forward(
            scratch.a.floats, residual: saved.attentionOutput.floats, y: saved.output, saved: saved.outputNorm,
            rate: hiddenRate, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")
    }

    /// From dy (rows, hidden), which is overwritten: dx (tokens, hidden) and the gradients of the parameters. dx may be
    /// the memory of dy where it holds `tokens` rows.
    ///
    /// Of `x` and of what was saved, only the elements of streams are read.
    func backward(
        x: Stream<Element>, dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        // Feed-forward network. After this dy holds the gradient of its residual, scratch.a that of its output.
        let da = scratch.a.elements
        outputNorm.backward(
            dy, dResidual: dy, da: da, saved: saved.outputNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        let outer = linear(place.output)
        outer.backwardWeight(da, saved.activation, rows: rows, into: sink)
        recorder?.end("output, weight gradient")
        outer.backwardInput(da, scratch.wide, rows: rows)
        recorder?.end("output, input gradient")
        let inner = linear(place.intermediate)
        sink.add(place.intermediate.bias, intermediate) {
            Element.geluBackward(scratch.wide, $0, saved.preActivation, rows, intermediate)
        }
        recorder?.end("GELU, backward")
        inner.backwardWeight(scratch.wide, saved.attentionOutput.elements, rows: rows, into: sink)
        recorder?.end("intermediate, weight gradient")
        inner.backwardInput(scratch.wide, dy, rows: rows, accumulate: true)
        recorder?.end("intermediate, input gradient")

        // Attention. After this dy holds the gradient of its residual, scratch.a that of its output.
        attentionNorm.backward(
            dy, dResidual: dy, da: da, saved: saved.attentionNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        let projection = linear(place.attentionOutput)
        projection.backwardWeight(da, saved.context, rows: rows, into: sink)
        recorder?.end("attention output, weight gradient")
        projection.backwardInput(da, scratch.b, rows: rows)
        recorder?.end("attention output, input gradient")
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        let (dq, dk, dv) = operands(scratch.dqkv, queries: firstTokenOnly ? scratch.dq : nil)
        attention.backward(
            q: q, k: k, v: v, p: saved.probabilities, dContext: scratch.b, dq: dq, dk: dk, dv: dv,
            scratch: scratch.attention)
        recorder?.end("attention, backward")

        if let queryInput = saved.queryInput {
            let query = linear(place.query)
            query.backwardWeight(scratch.dq, queryInput.elements, rows: rows, into: sink)
            fusedKV.backwardWeight(scratch.dqkv, x.elements, rows: tokens, into: sink)
            query.backwardBias(scratch.dq, rows: rows, into: sink)
            fusedKV.backwardBias(scratch.dqkv, rows: tokens, into: sink)
            query.backwardInput(scratch.dq, dy, rows: rows, accumulate: true)
            // The gradient of the queries' rows waits elsewhere while dx, perhaps the same memory, is filled.
            scratch.queryGradient.update(from: dy, count: rows * hidden)
            fusedKV.backwardInput(scratch.dqkv, dx, rows: tokens)
            for s in 0..<rows {
                shoal_add(dx + Int(attention.offsets[s]) * hidden, scratch.queryGradient + s * hidden, hidden)
            }
        } else {
            fusedQKV.backwardWeight(scratch.dqkv, x.elements, rows: tokens, into: sink)
            fusedQKV.backwardBias(scratch.dqkv, rows: tokens, into: sink)
            fusedQKV.backwardInput(scratch.dqkv, dy, rows: tokens, accumulate: true)
            if dx != dy { dx.update(from: dy, count: tokens * hidden) }
        }
        recorder?.end("query, key, value, gradients")
    }
}
