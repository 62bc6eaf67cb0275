import CKernels
import Numerics

/// The passes of a layer whose LayerNorms stand in front of its blocks: the stream of residuals is never normalized on
/// its way, but for the LayerNorm behind the last layer.
extension EncoderLayer {
    /// See ``forward(_:saved:scratch:)``. Of `x` the floats are read, and the elements by a layer without a LayerNorm
    /// in front of attention; of the output the floats are written.
    func forwardPre(_ x: DualRows<Element>, saved: Activations, scratch: Scratch) {
        var input = x.operand
        if let slot = slots.attentionNorm, let normed = saved.attentionInput {
            normalize(slot, x.residual, to: normed, saved: saved.attentionNorm, rows: tokens)
            input = normed.operand
        }
        attend(input, saved: saved, scratch: scratch)

        // The output's memory may be that of the input.
        let stream = saved.output.residual
        var residual = x.residual
        if let selected = attention.queries.tokens {
            gather(selected, x.residual, to: stream)
            residual = stream
        }
        mask(saved.attentionNorm.keep, .attentionOutput(layer: attention.layer))
        add(slots.attentionOutput, scratch.normInput.residual, residual, saved.attentionNorm.keep, to: stream)
        normalize(slots.outputNorm, stream, to: saved.attentionOutput, saved: saved.outputNorm, rows: rows)
        feedForward(saved: saved, scratch: scratch)
        mask(saved.outputNorm.keep, .output(layer: attention.layer))
        add(slots.output, scratch.normInput.residual, stream, saved.outputNorm.keep, to: stream)
        guard let slot = slots.finalNorm else { return }
        normalize(slot, stream, to: saved.output, saved: saved.finalNorm, rows: rows)
        recorder?.end("dropout and LayerNorm, forward")
    }

    /// y = dropout(a + bias) + residual, (rows, hidden); y may be residual.
    private func add(
        _ linear: LinearSlot, _ a: UnsafePointer<Float>, _ residual: UnsafePointer<Float>,
        _ keep: UnsafePointer<UInt8>?, to y: UnsafeMutablePointer<Float>
    ) {
        shoal_residual_forward(
            y, a, linear.bias.map { weights.floats + $0 }, keep, maskStride(hidden), hiddenRate?.scale ?? 1, residual,
            rows, hidden)
        recorder?.end("dropout and LayerNorm, forward")
    }

    /// y = LayerNorm(x); the floats of y may be x.
    private func normalize(
        _ slot: NormSlot, _ x: UnsafePointer<Float>, to y: DualRows<Element>, saved: ResidualLayerNorm.Saved, rows: Int
    ) {
        let withoutDropout = ResidualLayerNorm.Saved(normalized: saved.normalized, rstd: saved.rstd, keep: nil)
        Element.layerNormForward(
            y.residual, y.operand, withoutDropout, x, nil, 1, nil, weights.floats + slot.gamma,
            slot.beta.map { weights.floats + $0 } ?? zeros, rows, hidden, epsilon)
        recorder?.end("dropout and LayerNorm, forward")
    }

    /// See ``backward(x:dy:dx:saved:scratch:into:)``.
    func backwardPre(
        x: DualRows<Element>, dy: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        // dy holds the gradient of the stream all the way; scratch.normInput those of a block's output and input.
        let (da, dBlock) = (scratch.normInput.operand, scratch.normInput.residual)
        if let slot = slots.finalNorm {
            normalizeBackward(slot, dy, saved: saved.finalNorm, rows: rows, scratch: scratch, into: sink)
        }
        addBackward(slots.output, dy, saved.outputNorm.keep, to: da, scratch: scratch, into: sink)
        feedForwardBackward(da, to: dBlock, accumulate: false, saved: saved, scratch: scratch, into: sink)
        normalizeBackward(slots.outputNorm, dBlock, saved: saved.outputNorm, rows: rows, scratch: scratch, into: sink)
        shoal_add(dy, dBlock, rows * hidden)

        addBackward(slots.attentionOutput, dy, saved.attentionNorm.keep, to: da, scratch: scratch, into: sink)
        let trainsNorm = slots.attentionNorm?.hasGradient ?? false
        attendBackward(
            da, saved.attentionInput?.operand ?? x.operand,
            dRows: selectsQueries ? scratch.queryInputGradient : dBlock, accumulate: false,
            dx: dx != nil || trainsNorm ? dBlock : nil, saved: saved, scratch: scratch, into: sink)
        if let slot = slots.attentionNorm, dx != nil || trainsNorm {
            normalizeBackward(slot, dBlock, saved: saved.attentionNorm, rows: tokens, scratch: scratch, into: sink)
        }
        guard let dx else { return }
        if selectsQueries {
            // dx may be the memory of dy.
            scratch.queryInputGradient.update(from: dy, count: rows * hidden)
            dx.update(from: dBlock, count: tokens * hidden)
            addRows(scratch.queryInputGradient, to: dx)
        } else {
            if dx != dy { dx.update(from: dy, count: tokens * hidden) }
            shoal_add(dx, dBlock, tokens * hidden)
        }
    }

    /// From the gradient of dropout(a + bias) + residual, those of a, (rows, hidden), and of the bias.
    private func addBackward(
        _ linear: LinearSlot, _ dy: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>?,
        to da: UnsafeMutablePointer<Element>, scratch: Scratch, into sink: some GradientSink
    ) {
        scratch.columns.update(repeating: 0, count: hidden)
        Element.residualBackward(da, scratch.columns, dy, keep, hiddenRate?.scale ?? 1, rows, hidden)
        if linear.hasGradient, let bias = linear.bias {
            sink.write(bias, hidden) { $0.update(from: scratch.columns, count: hidden) }
        }
        recorder?.end("LayerNorm, backward")
    }

    /// The gradient of a LayerNorm's input, in place of that of its output, and those of its parameters.
    private func normalizeBackward(
        _ slot: NormSlot, _ d: UnsafeMutablePointer<Float>, saved: ResidualLayerNorm.Saved, rows: Int,
        scratch: Scratch, into sink: some GradientSink
    ) {
        guard let normalized = saved.normalized, let rstd = saved.rstd else {
            preconditionFailure("a backward pass needs what the forward pass saved")
        }
        let columns = scratch.columns
        columns.update(repeating: 0, count: 2 * hidden)
        shoal_layer_norm_backward_f32(
            d, nil, columns, columns + hidden, nil, d, normalized, rstd, nil, 0, 1, weights.floats + slot.gamma, rows,
            hidden)
        if slot.hasGradient {
            sink.write(slot.gamma, hidden) { $0.update(from: columns, count: hidden) }
            if let beta = slot.beta { sink.write(beta, hidden) { $0.update(from: columns + hidden, count: hidden) } }
        }
        recorder?.end("LayerNorm, backward")
    }
}
