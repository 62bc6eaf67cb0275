import Numerics

/// What activations and the encoder's weights are made of while they are multiplied, with the kernels for it.
///
/// See the headers of CKernels for what the kernels do.
protocol ComputeElement: MatrixElement {
    /// The same memory where `Self` is `Float`; nil where a rounded copy must be kept beside it.
    static func view(of floats: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Self>?
    /// The same memory as floats where `Self` is `Float`.
    static func floats(_ elements: UnsafeMutablePointer<Self>) -> UnsafeMutablePointer<Float>?
    /// `count` elements of undefined contents.
    static func allocate(_ count: Int, in workspace: Workspace) -> UnsafeMutablePointer<Self>
    /// to[i] = from[i] rounded; nothing is to be done where `to` is `from`.
    static func round(_ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Float>, _ count: Int)
    /// LayerNorm of dropout(a + bias) + residual; `rounded` being the copy of `y` (which it is where `Self` is
    /// `Float`).
    static func layerNormForward(
        _ y: UnsafeMutablePointer<Float>, _ rounded: UnsafeMutablePointer<Self>, _ saved: ResidualLayerNorm.Saved,
        _ a: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ keepScale: Float, _ residual: UnsafePointer<Float>?,
        _ gamma: UnsafePointer<Float>, _ beta: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ epsilon: Float)

    /// Its backward pass; `columns` takes the gradients of gamma, beta and bias, one after the other.
    static func layerNormBackward(
        _ dResidual: UnsafeMutablePointer<Float>, _ da: UnsafeMutablePointer<Self>,
        _ columns: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>, _ normalized: UnsafePointer<Float>,
        _ rstd: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>?, _ keepScale: Float,
        _ gamma: UnsafePointer<Float>, _ rows: Int, _ width: Int)
    /// to = dropout(from), (rows, width); `keep` in rows of `maskStride(width)` bytes.
    static func dropoutCopy(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Self>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int)
    /// to += dropout(from), likewise.
    static func dropoutAdd(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int)
    /// y = the activation's result for x: (rows, width) from (rows, width), or from (rows, 2 width) with a gate. y may
    /// be x only without a gate.
    static func activate(
        _ activation: EncoderArchitecture.Activation, _ y: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>,
        _ rows: Int, _ width: Int)
    /// The gradient of x, in place of dy without a gate, else in `dx`; adds its column sums to `dBias`.
    static func activationBackward(
        _ activation: EncoderArchitecture.Activation, _ dx: UnsafeMutablePointer<Self>,
        _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>, _ rows: Int,
        _ width: Int)
    /// The gradient of a in dropout(a + bias), from `dy`; adds its column sums to `dBias`. All (rows, width).
    static func residualBackward(
        _ da: UnsafeMutablePointer<Self>, _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>,
        _ keep: UnsafePointer<UInt8>?, _ keepScale: Float, _ rows: Int, _ width: Int)
    /// Turns the heads of `rows` rows, `stride` elements apart, by the angles of their positions, or back.
    static func rotate(
        _ values: UnsafeMutablePointer<Self>, _ stride: Int, _ positions: UnsafePointer<Int32>,
        _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ direction: Float, _ rows: Int,
        _ heads: Int, _ size: Int)
    /// sums[c] += values[c], of `count` elements.
    static func add(_ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ count: Int)
    /// sums[c] += the sum of column c of `values` (rows, width).
    static func columnSums(
        _ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ rows: Int, _ width: Int)
    /// p = softmax(scores * scoreScale) along rows, with the sign bit set where dropout drops an element; `dropped`
    /// gets what multiplies the values.
    static func softmaxForward(
        _ p: UnsafeMutablePointer<Self>, _ scores: UnsafeMutablePointer<Float>, _ dropped: UnsafeMutablePointer<Self>?,
        _ keep: UnsafePointer<UInt8>?, _ keepStride: Int, _ keepScale: Float, _ scoreScale: Float, _ rows: Int,
        _ columns: Int)
    /// What multiplies the values, again: from p with the signs of ``softmaxForward``.
    static func softmaxDropped(
        _ dropped: UnsafeMutablePointer<Self>, _ p: UnsafePointer<Self>, _ keepScale: Float, _ count: Int)
    /// The gradient of the unscaled scores from that of `dropped`.
    static func softmaxBackward(
        _ ds: UnsafeMutablePointer<Self>, _ dDropped: UnsafeMutablePointer<Float>, _ p: UnsafePointer<Self>,
        _ keepScale: Float, _ scoreScale: Float, _ rows: Int, _ columns: Int)
}
