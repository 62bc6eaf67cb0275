import CKernels
import Numerics

extension Float: ComputeElement {
    static func view(of floats: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? { floats }

    static func floats(_ elements: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? { elements }

    static func allocate(_ count: Int, in workspace: Workspace) -> UnsafeMutablePointer<Float> {
        workspace.floats(count)
    }

    static func round(_ to: UnsafeMutablePointer<Float>, _ from: UnsafePointer<Float>, _ count: Int) {
        if UnsafePointer(to) != from { to.update(from: from, count: count) }
    }

    static func layerNormForward(
        _ y: UnsafeMutablePointer<Float>, _ rounded: UnsafeMutablePointer<Self>, _ saved: ResidualLayerNorm.Saved,
        _ a: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ keepScale: Float, _ residual: UnsafePointer<Float>?,
        _ gamma: UnsafePointer<Float>, _ beta: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ epsilon: Float
    ) {
        shoal_layer_norm_forward(
            y, nil, saved.normalized, saved.rstd, a, bias, saved.keep, maskStride(width), keepScale, residual,
            gamma, beta, rows, width, epsilon)
    }

    static func layerNormBackward(
        _ dResidual: UnsafeMutablePointer<Float>, _ da: UnsafeMutablePointer<Self>,
        _ columns: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>, _ normalized: UnsafePointer<Float>,
        _ rstd: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>?, _ keepScale: Float,
        _ gamma: UnsafePointer<Float>, _ rows: Int, _ width: Int
    ) {
        shoal_layer_norm_backward_f32(
            dResidual, da, columns, columns + width, columns + 2 * width, dy, normalized, rstd, keep,
            maskStride(width), keepScale, gamma, rows, width)
    }

    static func dropoutCopy(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Self>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_dropout_copy_f32(to, from, keep, rows, width, maskStride(width), keepScale)
    }

    static func dropoutAdd(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_dropout_add_f32(to, from, keep, rows, width, maskStride(width), keepScale)
    }

    static func activate(
        _ activation: EncoderArchitecture.Activation, _ y: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>,
        _ rows: Int, _ width: Int
    ) {
        switch activation {
        case .gelu: shoal_gelu_forward_f32(y, x, rows * width)
        case .geluTanh: shoal_gelu_tanh_forward_f32(y, x, rows * width)
        case .relu: shoal_relu_forward_f32(y, x, rows * width)
        case .geglu: shoal_geglu_forward_f32(y, x, rows, width)
        }
    }

    static func activationBackward(
        _ activation: EncoderArchitecture.Activation, _ dx: UnsafeMutablePointer<Self>,
        _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>, _ rows: Int,
        _ width: Int
    ) {
        switch activation {
        case .gelu: shoal_gelu_backward_f32(dy, dBias, x, rows, width)
        case .geluTanh: shoal_gelu_tanh_backward_f32(dy, dBias, x, rows, width)
        case .relu: shoal_relu_backward_f32(dy, dBias, x, rows, width)
        case .geglu: shoal_geglu_backward_f32(dx, dBias, dy, x, rows, width)
        }
    }

    static func residualBackward(
        _ da: UnsafeMutablePointer<Self>, _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>,
        _ keep: UnsafePointer<UInt8>?, _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_residual_backward_f32(da, dBias, dy, keep, maskStride(width), keepScale, rows, width)
    }

    static func rotate(
        _ values: UnsafeMutablePointer<Self>, _ stride: Int, _ positions: UnsafePointer<Int32>,
        _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ direction: Float, _ rows: Int,
        _ heads: Int, _ size: Int
    ) {
        shoal_rotate_f32(values, stride, positions, cosines, sines, direction, rows, heads, size)
    }

    static func add(_ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ count: Int) {
        shoal_column_sums_f32(sums, values, 1, count)
    }

    static func columnSums(
        _ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ rows: Int, _ width: Int
    ) {
        shoal_column_sums_f32(sums, values, rows, width)
    }

    static func softmaxForward(
        _ p: UnsafeMutablePointer<Self>, _ scores: UnsafeMutablePointer<Float>, _ dropped: UnsafeMutablePointer<Self>?,
        _ keep: UnsafePointer<UInt8>?, _ keepStride: Int, _ keepScale: Float, _ scoreScale: Float, _ rows: Int,
        _ columns: Int
    ) {
        shoal_softmax_forward_f32(
            p, scores, dropped, keep, keepStride, keepScale, scoreScale, rows, columns)
    }

    static func softmaxDropped(
        _ dropped: UnsafeMutablePointer<Self>, _ p: UnsafePointer<Self>, _ keepScale: Float, _ count: Int
    ) {
        shoal_softmax_dropped_f32(dropped, p, keepScale, count)
    }

    static func softmaxBackward(
        _ ds: UnsafeMutablePointer<Self>, _ dDropped: UnsafeMutablePointer<Float>, _ p: UnsafePointer<Self>,
        _ keepScale: Float, _ scoreScale: Float, _ rows: Int, _ columns: Int
    ) {
        shoal_softmax_backward_f32(ds, dDropped, p, keepScale, scoreScale, rows, columns)
    }
}
