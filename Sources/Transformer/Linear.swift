import CKernels
import Numerics

/// A linear layer over rows: y = x Wᵀ + b, with W of (outputs, inputs) as PyTorch stores it.
struct Linear {
    /// (outputs, inputs).
    let weight: UnsafePointer<Float>
    /// (outputs).
    let bias: UnsafePointer<Float>
    let place: ParameterLayout.LinearPlace

    init(_ weights: UnsafePointer<Float>, _ place: ParameterLayout.LinearPlace) {
        weight = weights + place.weight
        bias = weights + place.bias
        self.place = place
    }

    /// y = x Wᵀ, the bias left to the kernel that follows. x: (rows, inputs), y: (rows, outputs).
    func forwardWithoutBias(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int) {
        Matmul.multiply(
            transposeB: true, m: rows, n: place.outputs, k: place.inputs, a: x, lda: place.inputs, b: weight,
            ldb: place.inputs, c: y, ldc: place.outputs)
    }

    /// y = x Wᵀ + b. x: (rows, inputs), y: (rows, outputs).
    func forward(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int) {
        forwardWithoutBias(x, y, rows: rows)
        shoal_add_bias(y, bias, rows, place.outputs)
    }

    /// dx = dy W, or dx += dy W. dy: (rows, outputs), dx: (rows, inputs).
    func backwardInput(
        _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, rows: Int, accumulate: Bool = false
    ) {
        Matmul.multiply(
            m: rows, n: place.inputs, k: place.outputs, a: dy, lda: place.outputs, b: weight, ldb: place.inputs,
            beta: accumulate ? 1 : 0, c: dx, ldc: place.inputs)
    }

    /// The gradient of the weight, dW = dyᵀ x.
    func backwardWeight(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, into sink: some GradientSink
    ) {
        sink.write(place.weight, place.outputs * place.inputs) { gradient in
            Matmul.multiply(
                transposeA: true, m: place.outputs, n: place.inputs, k: rows, a: dy, lda: place.outputs, b: x,
                ldb: place.inputs, c: gradient, ldc: place.inputs)
        }
    }

    /// The gradient of the bias, the column sums of dy (rows, outputs).
    func backwardBias(_ dy: UnsafePointer<Float>, rows: Int, into sink: some GradientSink) {
        sink.add(place.bias, place.outputs) { shoal_column_sums($0, dy, rows, place.outputs) }
    }
}
