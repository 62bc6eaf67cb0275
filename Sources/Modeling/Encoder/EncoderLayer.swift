import CKernels
import Numerics

/// One encoder layer: self-attention and a feed-forward network, each with a residual connection and a LayerNorm behind
/// it (Devlin et al. 2019) or in front of the block (Xiong et al., "On layer normalization in the transformer
/// architecture", 2020). The passes of the former are here, those of the latter in EncoderLayer+PreNorm.
///
/// In the last layer of a classifier only the first token of each sequence is looked at, so only its query, its
/// attention output and its feed-forward network are computed (``Attention/queries``): the same result for a sixth of
/// the work. Of a masked language model they are the masked tokens.
struct EncoderLayer<Element: ComputeElement> {
    let weights: WeightsView<Element>
    let slots: LayerSlots
    let attention: Attention<Element>
    let features: EncoderArchitecture.Features
    /// Nil where positions are in the input.
    let rotary: RotaryPositions?
    let epsilon: Float
    /// Beta of LayerNorms that have none.
    let zeros: UnsafePointer<Float>
    /// T, the rows of the input.
    let tokens: Int
    /// The rows of the output: T, or fewer with selected queries.
    let rows: Int

    var hidden: Int { slots.query.inputs }
    var recorder: SpanRecorder? { attention.recorder }
    /// Whether only some of the input's rows have a query.
    var selectsQueries: Bool { attention.queries.tokens != nil }

    /// What the forward pass leaves for the backward pass.
    struct Activations {
        /// (tokens, hidden): what attention reads; nil where that is the layer's input.
        var attentionInput: DualRows<Element>?
        /// (rows, hidden): rows of what attention reads that have a query; nil where that is all of them.
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
        /// (rows, hidden): what the feed-forward network reads.
        var attentionOutput: DualRows<Element>
        /// (rows, intermediate), before and after the activation; twice as wide before, with a gate.
        var preActivation: UnsafeMutablePointer<Element>
        var activation: UnsafeMutablePointer<Element>
        var outputNorm: ResidualLayerNorm.Saved
        var finalNorm: ResidualLayerNorm.Saved
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
        /// (tokens, hidden): of what attention reads, where that is not the layer's input.
        var attentionInput: UnsafeMutablePointer<Float>?
    }

    /// Memory that no later pass needs, shared by all layers.
    struct Scratch {
        /// (T, hidden): the sum that goes into a LayerNorm, and its gradient.
        var normInput: DualRows<Element>
        /// (T, hidden): the gradient of what attention puts out.
        var projectionGradient: UnsafeMutablePointer<Element>
        /// (T, intermediate); with a gate the gradient behind it, and (T, 2 intermediate) in front of it.
        var feedForwardGradient: UnsafeMutablePointer<Element>
        /// See `feedForwardGradient`; without a gate the same memory.
        var preActivationGradient: UnsafeMutablePointer<Element>
        /// (T, 3 hidden)
        var qkvGradient: UnsafeMutablePointer<Element>
        /// (R, hidden): where queries are apart, their gradient and that of their input.
        var queryGradient: UnsafeMutablePointer<Element>
        /// See `queryGradient`.
        var queryInputGradient: UnsafeMutablePointer<Float>
        /// 3 hidden, or what the first layer of the feed-forward network puts out, if that is more.
        var columns: UnsafeMutablePointer<Float>
        var attention: Attention<Element>.Scratch
        /// Nil without adapters.
        var lowRank: LowRank<Element>.Scratch?
    }

    /// What memory depends on beside the layer's features.
    struct Sizes {
        /// The rows of the input, and those of the output, padded.
        var tokens: Int
        var rows: Int
        /// Elements of the attention probabilities.
        var probabilities: Int
        var selectsQueries: Bool
        var training: Bool
        var hiddenDropout: Bool
        var adapterDropout: Bool
    }

    /// Lays out the activations of a layer; without `training` several layers can share one.
    static func layOut(
        _ workspace: Workspace, _ slots: LayerSlots, _ features: EncoderArchitecture.Features, _ sizes: Sizes,
        shared: SharedFloats
    ) -> Activations {
        let (rows, hidden, selectsQueries) = (sizes.rows, slots.query.inputs, sizes.selectsQueries)
        let isPre = features.normalization == .pre
        func saved(_ normRows: Int, hasNorm: Bool = true, hasDropout: Bool = true) -> ResidualLayerNorm.Saved {
            let keeps = sizes.training && hasNorm
            return ResidualLayerNorm.Saved(
                normalized: keeps ? workspace.floats(normRows * hidden) : nil,
                rstd: keeps ? workspace.floats(normRows) : nil,
                keep: sizes.hiddenDropout && hasDropout ? workspace.bytes(rows * maskStride(hidden)) : nil)
        }
        func elements(_ count: Int) -> UnsafeMutablePointer<Element> { Element.allocate(count, in: workspace) }
        let pre = elements(rows * slots.intermediate.outputs)
        let isInPlace = !sizes.training && features.activation != .geglu
        return Activations(
            attentionInput: isPre && slots.attentionNorm != nil
                ? .layOut(workspace, sizes.tokens * hidden, shared: shared.attentionInput) : nil,
            queryInput: selectsQueries ? .layOut(workspace, rows * hidden, shared: shared.queryInput) : nil,
            qkv: elements(sizes.tokens * (selectsQueries ? 2 : 3) * hidden),
            queries: selectsQueries ? elements(rows * hidden) : nil, probabilities: elements(sizes.probabilities),
            context: elements(rows * hidden),
            attentionNorm: saved(
                isPre ? sizes.tokens : rows, hasNorm: slots.attentionNorm != nil,
                hasDropout: features.dropsAttentionOutput),
            attentionOutput: .layOut(workspace, rows * hidden, shared: shared.attentionOutput), preActivation: pre,
            activation: isInPlace ? pre : elements(rows * slots.output.inputs), outputNorm: saved(rows),
            finalNorm: saved(rows, hasNorm: slots.finalNorm != nil, hasDropout: false),
            output: .layOut(workspace, rows * hidden, shared: shared.output),
            lowRank: layOutLowRank(
                workspace, slots.lowRank, tokens: sizes.tokens, rows: rows, dropout: sizes.adapterDropout))
    }

    var hiddenRate: DropoutRate? {
        guard let dropout = attention.dropout, !dropout.hidden.isZero else { return nil }
        return dropout.hidden
    }

    /// A LayerNorm of the layer, with what goes into it.
    func norm(_ slot: NormSlot, behind linear: LinearSlot) -> ResidualLayerNorm {
        ResidualLayerNorm(
            weights: weights.floats, slot: slot, linear: linear, width: hidden, epsilon: epsilon, zeros: zeros)
    }

    func linear(_ slot: LinearSlot) -> Linear<Element> { Linear(weights, slot, attention.matmul) }

    /// Draws the mask of the rows of this layer's output.
    func mask(_ keep: UnsafeMutablePointer<UInt8>?, _ site: DropoutPlan.Site) {
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
        guard features.normalization == .post, let attentionNorm = slots.attentionNorm else {
            return forwardPre(x, saved: saved, scratch: scratch)
        }
        var residual = x.residual
        if let queryInput = saved.queryInput, let tokens = attention.queries.tokens {
            gather(tokens, x.residual, to: queryInput.residual)
            residual = queryInput.residual
        }
        attend(x.operand, saved: saved, scratch: scratch)
        mask(saved.attentionNorm.keep, .attentionOutput(layer: attention.layer))
        norm(attentionNorm, behind: slots.attentionOutput).forward(
            scratch.normInput.residual, residual: residual, y: saved.attentionOutput, saved: saved.attentionNorm,
            rate: hiddenRate, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")

        feedForward(saved: saved, scratch: scratch)
        mask(saved.outputNorm.keep, .output(layer: attention.layer))
        norm(slots.outputNorm, behind: slots.output).forward(
            scratch.normInput.residual, residual: saved.attentionOutput.residual, y: saved.output,
            saved: saved.outputNorm, rate: hiddenRate, rows: rows)
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
        guard features.normalization == .post, let attentionNorm = slots.attentionNorm else {
            return backwardPre(x: x, dy: dy, dx: dx, saved: saved, scratch: scratch, into: sink)
        }
        // Feed-forward network. After this dy holds the gradient of its residual, scratch.normInput that of its output.
        let da = scratch.normInput.operand
        norm(slots.outputNorm, behind: slots.output).backward(
            dy, dResidual: dy, da: da, saved: saved.outputNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        feedForwardBackward(da, to: dy, accumulate: true, saved: saved, scratch: scratch, into: sink)

        // Attention. After this dy holds the gradient of its residual, scratch.normInput that of its output.
        norm(attentionNorm, behind: slots.attentionOutput).backward(
            dy, dResidual: dy, da: da, saved: saved.attentionNorm, rate: hiddenRate, rows: rows,
            columns: scratch.columns, into: sink)
        recorder?.end("LayerNorm, backward")
        attendBackward(da, x.operand, dRows: dy, accumulate: true, dx: dx, saved: saved, scratch: scratch, into: sink)
    }
}
