import CKernels
import Numerics

/// The memory as C has it.
private func words(_ pointer: UnsafeMutablePointer<BFloat16>) -> UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
}

private func words(_ pointer: UnsafePointer<BFloat16>) -> UnsafePointer<UInt16> {
    UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
}

extension BFloat16: ComputeElement {
    static func view(of floats: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<BFloat16>? { nil }

    static func floats(_ elements: UnsafeMutablePointer<BFloat16>) -> UnsafeMutablePointer<Float>? { nil }

    static func allocate(_ count: Int, in workspace: Workspace) -> UnsafeMutablePointer<BFloat16> {
        UnsafeMutableRawPointer(workspace.floats((count + 1) / 2)).assumingMemoryBound(to: BFloat16.self)
    }

    static func round(_ to: UnsafeMutablePointer<BFloat16>, _ from: UnsafePointer<Float>, _ count: Int) {
        shoal_bf16_from_f32(words(to), from, count)
    }

    static func layerNormForward(
        _ y: UnsafeMutablePointer<Float>, _ rounded: UnsafeMutablePointer<Self>, _ saved: ResidualLayerNorm.Saved,
        _ a: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ keepScale: Float, _ residual: UnsafePointer<Float>?,
        _ gamma: UnsafePointer<Float>, _ beta: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ epsilon: Float
    ) {
        shoal_layer_norm_forward(
            y, words(rounded), saved.normalized, saved.rstd, a, bias, saved.keep, maskStride(width), keepScale,
            residual,
            gamma, beta, rows, width, epsilon)
    }

    static func layerNormBackward(
        _ dResidual: UnsafeMutablePointer<Float>, _ da: UnsafeMutablePointer<Self>,
        _ columns: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>, _ normalized: UnsafePointer<Float>,
        _ rstd: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>?, _ keepScale: Float,
        _ gamma: UnsafePointer<Float>, _ rows: Int, _ width: Int
    ) {
        shoal_layer_norm_backward_bf16(
            dResidual, words(da), columns, columns + width, columns + 2 * width, dy, normalized, rstd, keep,
            maskStride(width), keepScale, gamma, rows, width)
    }

    static func dropoutCopy(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Self>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_dropout_copy_bf16(words(to), words(from), keep, rows, width, maskStride(width), keepScale)
    }

    static func dropoutAdd(
        _ to: UnsafeMutablePointer<Self>, _ from: UnsafePointer<Float>, _ keep: UnsafePointer<UInt8>,
        _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_dropout_add_bf16(words(to), from, keep, rows, width, maskStride(width), keepScale)
    }

    static func activate(
        _ activation: EncoderArchitecture.Activation, _ y: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>,
        _ rows: Int, _ width: Int
    ) {
        switch activation {
        case .gelu: shoal_gelu_forward_bf16(words(y), words(x), rows * width)
        case .geluTanh: shoal_gelu_tanh_forward_bf16(words(y), words(x), rows * width)
        case .relu: shoal_relu_forward_bf16(words(y), words(x), rows * width)
        case .geglu: shoal_geglu_forward_bf16(words(y), words(x), rows, width)
        }
    }

    static func activationBackward(
        _ activation: EncoderArchitecture.Activation, _ dx: UnsafeMutablePointer<Self>,
        _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Self>, _ x: UnsafePointer<Self>, _ rows: Int,
        _ width: Int
    ) {
        switch activation {
        case .gelu: shoal_gelu_backward_bf16(words(dy), dBias, words(x), rows, width)
        case .geluTanh: shoal_gelu_tanh_backward_bf16(words(dy), dBias, words(x), rows, width)
        case .relu: shoal_relu_backward_bf16(words(dy), dBias, words(x), rows, width)
        case .geglu: shoal_geglu_backward_bf16(words(dx), dBias, words(dy), words(x), rows, width)
        }
    }

    static func residualBackward(
        _ da: UnsafeMutablePointer<Self>, _ dBias: UnsafeMutablePointer<Float>, _ dy: UnsafePointer<Float>,
        _ keep: UnsafePointer<UInt8>?, _ keepScale: Float, _ rows: Int, _ width: Int
    ) {
        shoal_residual_backward_bf16(words(da), dBias, dy, keep, maskStride(width), keepScale, rows, width)
    }

    static func rotate(
        _ values: UnsafeMutablePointer<Self>, _ stride: Int, _ positions: UnsafePointer<Int32>,
        _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ direction: Float, _ rows: Int,
        _ heads: Int, _ size: Int
    ) {
        shoal_rotate_bf16(words(values), stride, positions, cosines, sines, direction, rows, heads, size)
    }

    static func add(_ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ count: Int) {
        shoal_column_sums_bf16(sums, words(values), 1, count)
    }

    static func columnSums(
        _ sums: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Self>, _ rows: Int, _ width: Int
    ) {
        shoal_column_sums_bf16(sums, words(values), rows, width)
    }

    static func softmaxForward(
        _ p: UnsafeMutablePointer<Self>, _ scores: UnsafeMutablePointer<Float>, _ dropped: UnsafeMutablePointer<Self>?,
        _ keep: UnsafePointer<UInt8>?, _ keepStride: Int, _ keepScale: Float, _ scoreScale: Float, _ rows: Int,
        _ columns: Int
    ) {
        shoal_softmax_forward_bf16(
            words(p), scores, dropped.map { words($0) }, keep, keepStride, keepScale, scoreScale, rows, columns)
    }

    static func softmaxDropped(
        _ dropped: UnsafeMutablePointer<Self>, _ p: UnsafePointer<Self>, _ keepScale: Float, _ count: Int
    ) {
        shoal_softmax_dropped_bf16(words(dropped), words(p), keepScale, count)
    }

    static func softmaxBackward(
        _ ds: UnsafeMutablePointer<Self>, _ dDropped: UnsafeMutablePointer<Float>, _ p: UnsafePointer<Self>,
        _ keepScale: Float, _ scoreScale: Float, _ rows: Int, _ columns: Int
    ) {
        shoal_softmax_backward_bf16(words(ds), dDropped, words(p), keepScale, scoreScale, rows, columns)
    }
}
