/// y = LayerNorm(dropout(a + bias) + residual), the end of both halves of an encoder layer.
struct ResidualLayerNorm {
    let weights: UnsafePointer<Float>
    let slot: NormSlot
    /// The linear layer before it; the addition of its bias is fused here.
    let linear: LinearSlot
    let width: Int
    let epsilon: Float
    /// Beta where there is none.
    let zeros: UnsafePointer<Float>

    /// What the backward pass needs; nil pointers where none follows.
    struct Saved {
        /// (rows, width)
        var normalized: UnsafeMutablePointer<Float>?
        /// (rows)
        var rstd: UnsafeMutablePointer<Float>?
        /// (rows, maskStride(width)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
    }

    /// a, residual, y: (rows, width).
    func forward<Element: ComputeElement>(
        _ a: UnsafePointer<Float>, residual: UnsafePointer<Float>, y: DualRows<Element>, saved: Saved,
        rate: DropoutRate?, rows: Int
    ) {
        Element.layerNormForward(
            y.residual, y.operand, saved, a, linear.bias.map { weights + $0 }, rate?.scale ?? 1, residual,
            weights + slot.gamma, slot.beta.map { weights + $0 } ?? zeros, rows, width, epsilon)
    }

    /// From dy (rows, width): the gradients of the residual and of `a`, both (rows, width), and of those
    /// parameters that are trained. `columns` is scratch for 3 width floats.
    func backward<Element: ComputeElement>(
        _ dy: UnsafePointer<Float>, dResidual: UnsafeMutablePointer<Float>, da: UnsafeMutablePointer<Element>,
        saved: Saved, rate: DropoutRate?, rows: Int, columns: UnsafeMutablePointer<Float>, into sink: some GradientSink
    ) {
        guard let normalized = saved.normalized, let rstd = saved.rstd else {
            preconditionFailure("a backward pass needs what the forward pass saved")
        }
        columns.update(repeating: 0, count: 3 * width)
        Element.layerNormBackward(
            dResidual, da, columns, dy, normalized, rstd, saved.keep, rate?.scale ?? 1, weights + slot.gamma, rows,
            width)
        if slot.hasGradient {
            sink.write(slot.gamma, width) { $0.update(from: columns, count: width) }
            if let beta = slot.beta { sink.write(beta, width) { $0.update(from: columns + width, count: width) } }
        }
        if linear.hasGradient, let bias = linear.bias {
            sink.write(bias, width) { $0.update(from: columns + 2 * width, count: width) }
        }
    }
}
