import Numerics

/// The feed-forward network.
extension EncoderLayer {
    /// `saved.attentionOutput` (rows, hidden) → `scratch.normInput.residual` (rows, hidden), without the bias of the
    /// output.
    func feedForward(saved: Activations, scratch: Scratch) {
        let (width, inner) = (slots.output.inputs, slots.intermediate.outputs)
        linear(slots.intermediate).forward(saved.attentionOutput.operand, saved.preActivation, rows: rows)
        recorder?.end("intermediate, forward")
        addLowRank(
            .intermediate, saved.attentionOutput.operand, to: saved.preActivation, stride: inner, rows: rows,
            saved: saved, scratch: scratch)
        Element.activate(features.activation, saved.activation, saved.preActivation, rows, width)
        recorder?.end("GELU, forward")
        linear(slots.output).forwardWithoutBias(saved.activation, scratch.normInput.residual, rows: rows)
        recorder?.end("output, forward")
        addLowRank(
            .output, saved.activation, to: scratch.normInput.residual, stride: hidden, rows: rows, saved: saved,
            scratch: scratch)
    }

    /// From the gradient of the output in `da`, that of the input, which is put into `dx` (rows, hidden), or added. dx
    /// may be the memory of `da`.
    func feedForwardBackward(
        _ da: UnsafeMutablePointer<Element>, to dx: UnsafeMutablePointer<Float>, accumulate: Bool, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        let (width, inner) = (slots.output.inputs, slots.intermediate.outputs)
        let outer = linear(slots.output)
        outer.backwardWeight(da, saved.activation, rows: rows, into: sink)
        recorder?.end("output, weight gradient")
        outer.backwardInput(da, scratch.feedForwardGradient, rows: rows)
        recorder?.end("output, input gradient")
        lowRankBackward(
            .output, da, stride: hidden, saved.activation, addingTo: scratch.feedForwardGradient, rows: rows,
            saved: saved, scratch: scratch, into: sink)
        let gradient = scratch.preActivationGradient
        func activationBackward(_ bias: UnsafeMutablePointer<Float>) {
            Element.activationBackward(
                features.activation, gradient, bias, scratch.feedForwardGradient, saved.preActivation, rows, width)
        }
        if slots.intermediate.hasGradient, let bias = slots.intermediate.bias {
            sink.add(bias, inner) { activationBackward($0) }
        } else {
            // The kernel adds up the gradient of the bias in any case.
            scratch.columns.update(repeating: 0, count: inner)
            activationBackward(scratch.columns)
        }
        recorder?.end("GELU, backward")
        let first = linear(slots.intermediate)
        first.backwardWeight(gradient, saved.attentionOutput.operand, rows: rows, into: sink)
        recorder?.end("intermediate, weight gradient")
        first.backwardInput(gradient, dx, rows: rows, accumulate: accumulate)
        recorder?.end("intermediate, input gradient")
        lowRankBackward(
            .intermediate, gradient, stride: inner, saved.attentionOutput.operand, addingTo: dx, rows: rows,
            saved: saved, scratch: scratch, into: sink)
    }
}
