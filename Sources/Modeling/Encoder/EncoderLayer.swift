import CKernels
import Numerics

/// One post-norm encoder layer (Devlin et al. 2019): self-attention and a feed-forward network, each with a residual
/// connection and a LayerNorm.
///
/// In the last layer of a classifier only the first token of each sequence is looked at, so only its query, its
/// attention output and its feed-forward network are computed (``Attention/queries``): the same result for a sixth of
/// the work. Of a masked language model they are the masked tokens.
struct EncoderLayer<Element: ComputeElement> {
    let weights: WeightsView<Element>
    let slots: LayerSlots
    let attention: Attention<Element>
    let epsilon: Float
    /// T, the rows of the input.
    let tokens: Int
    /// The rows of the output: T, or fewer with selected queries.
    let rows: Int

    private var hidden: Int { slots.query.inputs }
    private var intermediate: Int { slots.intermediate.outputs }
    private var matmul: Matmul { attention.matmul }
    private var recorder: SpanRecorder? { attention.recorder }
    /// Whether only some of the input's rows have a query.
    private var selectsQueries: Bool { attention.queries.tokens != nil }

    /// What the forward pass leaves for the backward pass.
    struct Activations {
        /// (rows, hidden): rows of the input that have a query; nil where that is all of them.
        var queryInput: DualRows<Element>?
        /// (tokens, 3 hidden); with selected queries (tokens, 2 hidden) keys and values, and queries apart.
        var qkv: UnsafeMutablePointer<Element>
        /// (rows, hidden), only with selected queries.
        var queries: UnsafeMutablePointer<Element>?
        /// Attention probabilities, see ``Attention``.
        var probabilities: UnsafeMutablePointer<Element>
        /// (rows, hidden)
        var context: UnsafeMutablePointer<Element>
        var attentionNorm: ResidualLayerNorm.Saved
        /// (rows, hidden)
        var attentionOutput: DualRows<Element>
        /// (rows, intermediate), before and after GELU.
        var preActivation: UnsafeMutablePointer<Element>
        var activation: UnsafeMutablePointer<Element>
        var outputNorm: ResidualLayerNorm.Saved
        /// (rows, hidden)
        var output: DualRows<Element>
        var lowRank: ByTarget<LowRank<Element>.Saved>
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
        /// (T, hidden): the sum that goes into a LayerNorm, and its gradient.
        var normInput: DualRows<Element>
        /// (T, hidden): the gradient of what attention puts out.
        var projectionGradient: UnsafeMutablePointer<Element>
        /// (T, intermediate)
        var feedForwardGradient: UnsafeMutablePointer<Element>
        /// (T, 3 hidden)
        var qkvGradient: UnsafeMutablePointer<Element>
        /// (R, hidden): where queries are apart, their gradient and that of their input.
        var queryGradient: UnsafeMutablePointer<Element>
        /// See `queryGradient`.
        var queryInputGradient: UnsafeMutablePointer<Float>
        /// 3 hidden, or intermediate if that is more.
        var columns: UnsafeMutablePointer<Float>
        var attention: Attention<Element>.Scratch
        /// Nil without adapters.
        var lowRank: LowRank<Element>.Scratch?
    }

    /// Lays out the activations of a layer; without `training` several layers can share one.
    static func layOut(
        _ workspace: Workspace, tokens: Int, rows: Int, hidden: Int, intermediate: Int, probabilities: Int,
        selectsQueries: Bool, training: Bool, hiddenDropout: Bool, shared: SharedFloats,
        lowRank: ByTarget<LowRankSlot>, adapterDropout: Bool
    ) -> Activations {
        func saved() -> ResidualLayerNorm.Saved {
            ResidualLayerNorm.Saved(
                normalized: training ? workspace.floats(rows * hidden) : nil,
                rstd: training ? workspace.floats(rows) : nil,
                keep: hiddenDropout ? workspace.bytes(rows * maskStride(hidden)) : nil)
        }
        func elements(_ count: Int) -> UnsafeMutablePointer<Element> { Element.allocate(count, in: workspace) }
        let pre = elements(rows * intermediate)
        return Activations(
            queryInput: selectsQueries ? .layOut(workspace, rows * hidden, shared: shared.queryInput) : nil,
            qkv: elements(tokens * (selectsQueries ? 2 : 3) * hidden),
            queries: selectsQueries ? elements(rows * hidden) : nil, probabilities: elements(probabilities),
            context: elements(rows * hidden), attentionNorm: saved(),
            attentionOutput: .layOut(workspace, rows * hidden, shared: shared.attentionOutput), preActivation: pre,
            activation: training ? elements(rows * intermediate) : pre, outputNorm: saved(),
            output: .layOut(workspace, rows * hidden, shared: shared.output),
            lowRank: layOutLowRank(workspace, lowRank, tokens: tokens, rows: rows, dropout: adapterDropout))
    }

    private var hiddenRate: DropoutRate? {
        guard let dropout = attention.dropout, !dropout.hidden.isZero else { return nil }
        return dropout.hidden
    }

    private var attentionNorm: ResidualLayerNorm {
        ResidualLayerNorm(
            weights: weights.floats, slot: slots.attentionNorm, linear: slots.attentionOutput, width: hidden,
            epsilon: epsilon)
    }

    private var outputNorm: ResidualLayerNorm {
        ResidualLayerNorm(
            weights: weights.floats, slot: slots.outputNorm, linear: slots.output, width: hidden, epsilon: epsilon)
    }

    private func linear(_ slot: LinearSlot) -> Linear<Element> { Linear(weights, slot, matmul) }

    /// Query, key and value as one layer of (3 hidden, hidden).
    private var fusedQKV: Linear<Element> {
        var fused = slots.query
        fused.outputs = 3 * hidden
        return linear(fused)
    }

    /// Key and value as one layer of (2 hidden, hidden).
    private var fusedKV: Linear<Element> {
        var fused = slots.key
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
            let count = attention.queries.rows(of: s)
            guard count > 0 else { continue }
            dropout.mask(
                keep + row * maskStride(hidden), rate: rate, site: site, sample: key, firstRow: 0, rows: count,
                width: hidden)
            row += count
        }
    }

    /// x: (tokens, hidden) → `saved.output`: (rows, hidden).
    func forward(_ x: DualRows<Element>, saved: Activations, scratch: Scratch) {
        var residual = x.residual
        if let queryInput = saved.queryInput, let queries = saved.queries, let tokens = attention.queries.tokens {
            for (row, token) in tokens.enumerated() {
                let (from, to) = (Int(token) * hidden, row * hidden)
                queryInput.residual.advanced(by: to).update(from: x.residual + from, count: hidden)
                queryInput.operand.advanced(by: to).update(from: x.operand + from, count: hidden)
            }
            residual = queryInput.residual
            linear(slots.query).forward(queryInput.operand, queries, rows: rows)
            fusedKV.forward(x.operand, saved.qkv, rows: self.tokens)
            addLowRank(
                .query, queryInput.operand, to: queries, stride: hidden, rows: rows, saved: saved, scratch: scratch)
        } else {
            fusedQKV.forward(x.operand, saved.qkv, rows: tokens)
        }
        recorder?.end("query, key, value, forward")
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        if !selectsQueries {
            addLowRank(
                .query, x.operand, to: q.pointer, stride: q.stride, rows: tokens, saved: saved, scratch: scratch)
        }
        addLowRank(.key, x.operand, to: k.pointer, stride: k.stride, rows: tokens, saved: saved, scratch: scratch)
        addLowRank(.value, x.operand, to: v.pointer, stride: v.stride, rows: tokens, saved: saved, scratch: scratch)
        attention.forward(
            q: q, k: k, v: v, p: saved.probabilities, context: saved.context, scratch: scratch.attention)
        recorder?.end("attention, forward")

        linear(slots.attentionOutput).forwardWithoutBias(saved.context, scratch.normInput.residual, rows: rows)
        recorder?.end("attention output, forward")
        addLowRank(
            .attentionOutput, saved.context, to: scratch.normInput.residual, stride: hidden, rows: rows, saved: saved,
            scratch: scratch)
        mask(saved.attentionNorm.keep, .attentionOutput(layer: attention.layer))
        attentionNorm.forward(
            scratch.normInput.residual, residual: residual, y: saved.attentionOutput, saved: saved.attentionNorm,
            rate: hiddenRate, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")

        linear(slots.intermediate).forward(saved.attentionOutput.operand, saved.preActivation, rows: rows)
        recorder?.end("intermediate, forward")
        addLowRank(
            .intermediate, saved.attentionOutput.operand, to: saved.preActivation, stride: intermediate, rows: rows,
            saved: saved, scratch: scratch)
        Element.geluForward(saved.activation, saved.preActivation, rows * intermediate)
        recorder?.end("GELU, forward")
        linear(slots.output).forwardWithoutBias(saved.activation, scratch.normInput.residual, rows: rows)
        recorder?.end("output, forward")
        addLowRank(
            .output, saved.activation, to: scratch.normInput.residual, stride: hidden, rows: rows, saved: saved,
            scratch: scratch)
        mask(saved.outputNorm.keep, .output(layer: attention.layer))
        outputNorm.forward(
            scratch.normInput.residual, residual: saved.attentionOutput.residual, y: saved.output,
            saved: saved.outputNorm,
            rate: hiddenRate, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")
    }

    /// From dy (rows, hidden), which is overwritten: dx (tokens, hidden) and the gradients of the parameters that are
    /// trained. dx may be the memory of dy where it holds `tokens` rows; it is nil where nothing below is trained.
    ///
    /// Of `x` and of what was saved, only the elements of streams are read.
    func backward(
        x: DualRows<Element>, dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        // Feed-forward network. After this dy holds the gradient of its residual, scratch.normInput that of its output.
        let da = scratch.normInput.operand
        outputNorm.backward(
            dy, dResidual: dy, da: da, saved: saved.outputNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        let outer = linear(slots.output)
        outer.backwardWeight(da, saved.activation, rows: rows, into: sink)
        recorder?.end("output, weight gradient")
        outer.backwardInput(da, scratch.feedForwardGradient, rows: rows)
        recorder?.end("output, input gradient")
        lowRankBackward(
            .output, da, stride: hidden, saved.activation, addingTo: scratch.feedForwardGradient, rows: rows,
            saved: saved, scratch: scratch, into: sink)
        let inner = linear(slots.intermediate)
        if slots.intermediate.hasGradient {
            sink.add(slots.intermediate.bias, intermediate) {
                Element.geluBackward(scratch.feedForwardGradient, $0, saved.preActivation, rows, intermediate)
            }
        } else {
            // The kernel adds up the gradient of the bias in any case.
            scratch.columns.update(repeating: 0, count: intermediate)
            Element.geluBackward(
                scratch.feedForwardGradient, scratch.columns, saved.preActivation, rows, intermediate)
        }
        recorder?.end("GELU, backward")
        inner.backwardWeight(scratch.feedForwardGradient, saved.attentionOutput.operand, rows: rows, into: sink)
        recorder?.end("intermediate, weight gradient")
        inner.backwardInput(scratch.feedForwardGradient, dy, rows: rows, accumulate: true)
        recorder?.end("intermediate, input gradient")
        lowRankBackward(
            .intermediate, scratch.feedForwardGradient, stride: intermediate, saved.attentionOutput.operand,
            addingTo: dy, rows: rows, saved: saved, scratch: scratch, into: sink)

        // Attention. After this dy holds the gradient of its residual, scratch.normInput that of its output.
        attentionNorm.backward(
            dy, dResidual: dy, da: da, saved: saved.attentionNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        let projection = linear(slots.attentionOutput)
        projection.backwardWeight(da, saved.context, rows: rows, into: sink)
        recorder?.end("attention output, weight gradient")
        projection.backwardInput(da, scratch.projectionGradient, rows: rows)
        recorder?.end("attention output, input gradient")
        lowRankBackward(
            .attentionOutput, da, stride: hidden, saved.context, addingTo: scratch.projectionGradient, rows: rows,
            saved: saved, scratch: scratch, into: sink)
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        let (dq, dk, dv) = operands(scratch.qkvGradient, queries: selectsQueries ? scratch.queryGradient : nil)
        attention.backward(
            q: q, k: k, v: v, p: saved.probabilities, dContext: scratch.projectionGradient, dq: dq, dk: dk, dv: dv,
            scratch: scratch.attention)
        recorder?.end("attention, backward")

        if let queryInput = saved.queryInput {
            let query = linear(slots.query)
            query.backwardWeight(scratch.queryGradient, queryInput.operand, rows: rows, into: sink)
            fusedKV.backwardWeight(scratch.qkvGradient, x.operand, rows: tokens, into: sink)
            query.backwardBias(scratch.queryGradient, rows: rows, into: sink)
            fusedKV.backwardBias(scratch.qkvGradient, rows: tokens, into: sink)
            if let dx {
                query.backwardInput(scratch.queryGradient, dy, rows: rows, accumulate: true)
            }
            lowRankBackward(
                .query, dq.pointer, stride: dq.stride, queryInput.operand, addingTo: dx == nil ? nil : dy, rows: rows,
                saved: saved, scratch: scratch, into: sink)
            if let dx {
                // The gradient of the queries' rows waits elsewhere while dx, perhaps the same memory, is filled.
                scratch.queryInputGradient.update(from: dy, count: rows * hidden)
                fusedKV.backwardInput(scratch.qkvGradient, dx, rows: tokens)
                for (row, token) in (attention.queries.tokens ?? []).enumerated() {
                    shoal_add(dx + Int(token) * hidden, scratch.queryInputGradient + row * hidden, hidden)
                }
            }
        } else {
            fusedQKV.backwardWeight(scratch.qkvGradient, x.operand, rows: tokens, into: sink)
            fusedQKV.backwardBias(scratch.qkvGradient, rows: tokens, into: sink)
            if let dx {
                fusedQKV.backwardInput(scratch.qkvGradient, dy, rows: tokens, accumulate: true)
                if dx != dy { dx.update(from: dy, count: tokens * hidden) }
            }
        }
        recorder?.end("query, key, value, gradients")
        if !selectsQueries {
            lowRankBackward(
                .query, dq.pointer, stride: dq.stride, x.operand, addingTo: dx, rows: tokens, saved: saved,
                scratch: scratch, into: sink)
        }
        for (target, gradient) in [(LowRankAdapter.Target.key, dk), (.value, dv)] {
            lowRankBackward(
                target, gradient.pointer, stride: gradient.stride, x.operand, addingTo: dx, rows: tokens,
                saved: saved, scratch: scratch, into: sink)
        }
    }
}
