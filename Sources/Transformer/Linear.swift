import Numerics

/// A linear layer over rows: y = x Wᵀ + b, with W of (outputs, inputs) as PyTorch stores it.
///
/// Matrices of `rows` rows have memory for `Matmul.paddedRows(rows)`. What the products find and leave in those beyond
/// `rows` means nothing.
struct Linear<Element: ComputeElement> {
    /// (outputs, inputs).
    let weight: UnsafePointer<Element>
    /// (outputs).
    let bias: UnsafePointer<Float>
    let place: ParameterLayout.LinearPlace
    let matmul: Matmul

    init(_ weights: WeightsView<Element>, _ place: ParameterLayout.LinearPlace, _ matmul: Matmul) {
        weight = weights.elements + place.weight
        bias = weights.floats + place.bias
        self.place = place
        self.matmul = matmul
    }

    /// y = x Wᵀ, the bias left to the kernel that follows. x: (rows, inputs), y: (rows, outputs).
    func forwardWithoutBias(_ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Float>, rows: Int) {
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: place.outputs, k: place.inputs, a: x, lda: place.inputs,
            b: weight,
            ldb: place.inputs, c: y, ldc: place.outputs)
    }

    /// y = x Wᵀ + b. x: (rows, inputs), y: (rows, outputs).
    func forward(_ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, rows: Int) {
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: place.outputs, k: place.inputs, a: x, lda: place.inputs,
            b: weight,
            ldb: place.inputs, bias: bias, c: y, ldc: place.outputs)
    }

    /// dx = dy W, or dx += dy W. dy: (rows, outputs), dx: (rows, inputs).
    func backwardInput<Output: ComputeElement>(
        _ dy: UnsafePointer<Element>, _ dx: UnsafeMutablePointer<Output>, rows: Int, accumulate: Bool = false
    ) {
        matmul.multiply(
            m: Matmul.paddedRows(rows), n: place.inputs, k: place.outputs, a: dy, lda: place.outputs, b: weight,
            ldb: place.inputs,
            accumulate: accumulate, c: dx, ldc: place.inputs)
    }

    /// The gradient of the weight, dW = dyᵀ x.
    func backwardWeight(
        _ dy: UnsafeMutablePointer<Element>, _ x: UnsafeMutablePointer<Element>, rows: Int, into sink: some GradientSink
    ) {
        let padded = Matmul.paddedRows(rows)
        (dy + rows * place.outputs).clear((padded - rows) * place.outputs)
        (x + rows * place.inputs).clear((padded - rows) * place.inputs)
        sink.write(place.weight, place.outputs * place.inputs) { gradient in
            matmul.multiply(
                transposeA: true, m: place.outputs, n: place.inputs, k: padded, a: dy, lda: place.outputs, b: x,
                ldb: place.inputs, c: gradient, ldc: place.inputs)
        }
    }

    /// The gradient of the bias, the column sums of dy (rows, outputs).
    func backwardBias(_ dy: UnsafePointer<Element>, rows: Int, into sink: some GradientSink) {
        sink.add(place.bias, place.outputs) { Element.columnSums($0, dy, rows, place.outputs) }
    }
}

extension UnsafeMutablePointer {
    /// Sets `count` elements to zero: all bits, which is a zero of every element type.
    fileprivate func clear(_ count: Int) {
        UnsafeMutableRawPointer(self).initializeMemory(
            as: UInt8.self, repeating: 0, count: count * MemoryLayout<Pointee>.stride)
    }
}
