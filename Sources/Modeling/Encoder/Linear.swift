import Numerics

/// A linear layer over rows: y = x Wᵀ + b, b being left out where there is none, with W of (outputs, inputs) as PyTorch
/// stores it.
///
/// Matrices of `rows` rows have memory for `Matmul.paddedRows(rows)`. What the products find and leave in those beyond
/// `rows` means nothing.
struct Linear<Element: ComputeElement> {
    /// (outputs, inputs).
    let weight: UnsafePointer<Element>
    /// (outputs); nil if there is none.
    let bias: UnsafePointer<Float>?
    let slot: LinearSlot
    let matmul: Matmul

    init(_ weights: WeightsView<Element>, _ slot: LinearSlot, _ matmul: Matmul) {
        weight = weights.elements + slot.weight
        bias = slot.bias.map { weights.floats + $0 }
        self.slot = slot
        self.matmul = matmul
    }

    /// y = x Wᵀ, the bias left to the kernel that follows. x: (rows, inputs), y: (rows, outputs).
    func forwardWithoutBias(_ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Float>, rows: Int) {
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: slot.outputs, k: slot.inputs, a: x, lda: slot.inputs,
            b: weight,
            ldb: slot.inputs, c: y, ldc: slot.outputs)
    }

    /// y = x Wᵀ + b. x: (rows, inputs), y: (rows, outputs).
    func forward(_ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, rows: Int) {
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: slot.outputs, k: slot.inputs, a: x, lda: slot.inputs,
            b: weight,
            ldb: slot.inputs, bias: bias, c: y, ldc: slot.outputs)
    }

    /// dx = dy W, or dx += dy W. dy: (rows, outputs), dx: (rows, inputs).
    func backwardInput<Output: ComputeElement>(
        _ dy: UnsafePointer<Element>, _ dx: UnsafeMutablePointer<Output>, rows: Int, accumulate: Bool = false
    ) {
        matmul.multiply(
            m: Matmul.paddedRows(rows), n: slot.inputs, k: slot.outputs, a: dy, lda: slot.outputs, b: weight,
            ldb: slot.inputs,
            accumulate: accumulate, c: dx, ldc: slot.inputs)
    }

    /// The gradient of the weight, dW = dyᵀ x; nothing where it is frozen.
    func backwardWeight(
        _ dy: UnsafeMutablePointer<Element>, _ x: UnsafeMutablePointer<Element>, rows: Int, into sink: some GradientSink
    ) {
        guard slot.hasGradient else { return }
        let padded = Matmul.paddedRows(rows)
        (dy + rows * slot.outputs).clear((padded - rows) * slot.outputs)
        (x + rows * slot.inputs).clear((padded - rows) * slot.inputs)
        sink.write(slot.weight, slot.outputs * slot.inputs) { gradient in
            matmul.multiply(
                transposeA: true, m: slot.outputs, n: slot.inputs, k: padded, a: dy, lda: slot.outputs, b: x,
                ldb: slot.inputs, c: gradient, ldc: slot.inputs)
        }
    }

    /// The gradient of the bias, the column sums of dy (rows, outputs); nothing where it is frozen, or there is none.
    func backwardBias(_ dy: UnsafePointer<Element>, rows: Int, into sink: some GradientSink) {
        guard slot.hasGradient, let bias = slot.bias else { return }
        sink.add(bias, slot.outputs) { Element.columnSums($0, dy, rows, slot.outputs) }
    }
}

extension UnsafeMutablePointer {
    /// Sets `count` elements to zero: all bits, which is a zero of every element type.
    func clear(_ count: Int) {
        UnsafeMutableRawPointer(self).initializeMemory(
            as: UInt8.self, repeating: 0, count: count * MemoryLayout<Pointee>.stride)
    }
}
