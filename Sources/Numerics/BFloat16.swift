import CKernels

/// A bfloat16: the sign, exponent and upper 7 bits of the mantissa of a 32-bit float.
///
/// A type for matrices in memory; arithmetic is done in `Float`.
public struct BFloat16: Sendable, BitwiseCopyable, Equatable {
    /// The upper half of the float's bits.
    public var bits: UInt16

    /// `value` rounded to nearest, ties to even.
    public init(_ value: Float) { bits = shoal_bf16_of_float(value) }

    /// The value as a float, exactly.
    public var float: Float { shoal_float_of_bf16(bits) }
}
