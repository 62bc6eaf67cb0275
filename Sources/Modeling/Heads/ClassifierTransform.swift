import CKernels
import Foundation
import Numerics

/// What a ``ClassifierShape`` has in front of a classifier, for rows of any kind: a linear layer, an activation, and
/// perhaps a LayerNorm. R: rows.
final class ClassifierTransform {
    private let dense: Linear<Float>
    private let shape: ClassifierShape
    private let norm: NormSlot?
    private let weights: UnsafePointer<Float>
    /// Beta of a LayerNorm that has none.
    private let zeros: FloatBuffer
    private var saved: Activations?

    /// What the backward pass needs. Steps that the shape leaves out share memory with the one before.
    private struct Activations {
        /// (R, width), before GELU.
        var preActivation: UnsafeMutablePointer<Float>
        /// (R, width), after the activation.
        var activated: UnsafeMutablePointer<Float>
        /// (R, width) and (R), of the LayerNorm.
        var normalized: UnsafeMutablePointer<Float>?
        var rstd: UnsafeMutablePointer<Float>?
        /// (R, width), after the LayerNorm.
        var normed: UnsafeMutablePointer<Float>
        /// 2 width, scratch.
        var columns: UnsafeMutablePointer<Float>
    }

    /// The tensors that ``declare(_:width:into:)`` has placed.
    init(_ context: HeadContext, _ shape: ClassifierShape) {
        typealias Part = SequenceClassification.Part
        dense = context.linear(Part.dense)
        norm = shape.norm == nil ? nil : context.layout.headNorm(Part.norm)
        weights = context.weights
        zeros = FloatBuffer(count: dense.slot.outputs)
        self.shape = shape
    }

    /// Places LayerNorm and linear layer, in the order in which the backward pass finishes them.
    static func declare(_ shape: ClassifierShape, width: Int, into layout: inout LayoutBuilder) {
        typealias Part = SequenceClassification.Part
        if let norm = shape.norm { _ = layout.norm({ .head(Part.norm, $0) }, width: width, hasBias: norm.hasBias) }
        layout.linear({ .head(Part.dense, $0) }, outputs: width, inputs: width, hasBias: shape.hasBias)
    }

    /// Floats of a row.
    var width: Int { dense.slot.outputs }

    /// - Parameter rows: Padded, see ``Matmul/paddedRows(_:)``.
    func layOut(_ workspace: Workspace, rows: Int) {
        func floats() -> UnsafeMutablePointer<Float> { workspace.floats(rows * width) }
        let preActivation = floats()
        let activated = shape.activation == .gelu ? floats() : preActivation
        saved = Activations(
            preActivation: preActivation, activated: activated, normalized: norm.map { _ in floats() },
            rstd: norm.map { _ in workspace.floats(rows) }, normed: norm == nil ? activated : floats(),
            columns: workspace.floats(2 * width))
    }

    private var activations: Activations {
        guard let saved else { preconditionFailure("memory is laid out before a pass") }
        return saved
    }

    /// What the classifier reads, (R, width).
    var output: UnsafeMutablePointer<Float> { activations.normed }

    /// input: (R, width) → ``output``.
    func forward(_ input: UnsafeMutablePointer<Float>, rows: Int) {
        let saved = activations
        dense.forward(input, saved.preActivation, rows: rows)
        switch shape.activation {
        case .tanh: for i in 0..<(rows * width) { saved.activated[i] = tanh(saved.activated[i]) }
        case .relu: shoal_relu_forward_f32(saved.activated, saved.preActivation, rows * width)
        case .gelu: shoal_gelu_forward_f32(saved.activated, saved.preActivation, rows * width)
        }
        guard let norm, let settings = shape.norm else { return }
        shoal_layer_norm_forward(
            saved.normed, nil, saved.normalized, saved.rstd, saved.activated, nil, nil, 0, 1, nil,
            weights + norm.gamma, norm.beta.map { weights + $0 } ?? UnsafePointer(zeros.pointer), rows, width,
            settings.epsilon)
    }

    /// From the gradient of the output, d (R, width), which is overwritten, those of the parameters; and of the input
    /// where that is asked for.
    func backward(
        _ d: UnsafeMutablePointer<Float>, _ input: UnsafeMutablePointer<Float>, dInput: UnsafeMutablePointer<Float>?,
        rows: Int, into sink: any GradientSink
    ) {
        let saved = activations
        normBackward(d, rows: rows, into: sink)
        switch shape.activation {
        case .tanh: for i in 0..<(rows * width) { d[i] *= 1 - saved.activated[i] * saved.activated[i] }
        case .relu, .gelu:
            // The kernels add up the gradient of the bias in any case.
            saved.columns.update(repeating: 0, count: width)
            if shape.activation == .relu {
                shoal_relu_backward_f32(d, saved.columns, saved.activated, rows, width)
            } else {
                shoal_gelu_backward_f32(d, saved.columns, saved.preActivation, rows, width)
            }
        }
        dense.backwardWeight(d, input, rows: rows, into: sink)
        dense.backwardBias(d, rows: rows, into: sink)
        if let dInput { dense.backwardInput(d, dInput, rows: rows) }
    }

    private func normBackward(_ d: UnsafeMutablePointer<Float>, rows: Int, into sink: any GradientSink) {
        guard let norm, let normalized = activations.normalized, let rstd = activations.rstd else { return }
        let columns = activations.columns
        columns.update(repeating: 0, count: 2 * width)
        shoal_layer_norm_backward_f32(
            d, nil, columns, columns + width, nil, d, normalized, rstd, nil, 0, 1, weights + norm.gamma, rows, width)
        guard norm.hasGradient else { return }
        sink.write(norm.gamma, width) { $0.update(from: columns, count: width) }
        if let beta = norm.beta { sink.write(beta, width) { $0.update(from: columns + width, count: width) } }
    }
}
