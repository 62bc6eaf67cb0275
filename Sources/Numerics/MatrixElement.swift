import COneDNN

/// What the matrices of a product may be made of.
public protocol MatrixElement: Sendable, BitwiseCopyable {
    /// The type as a product knows it.
    static var matrixType: MatrixType { get }
}

/// The element types of matrices.
public enum MatrixType: Sendable, Hashable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case float32, bfloat16

    var code: dnnl_data_type_t {
        switch self {
        case .float32: dnnl_f32
        case .bfloat16: dnnl_bf16
        }
    }
}

extension Float: MatrixElement {
    /// 32-bit floats.
    public static var matrixType: MatrixType { .float32 }
}

extension BFloat16: MatrixElement {
    /// bfloat16.
    public static var matrixType: MatrixType { .bfloat16 }
}
