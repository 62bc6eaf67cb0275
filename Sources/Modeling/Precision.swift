import Numerics

/// Number format of the encoder's matrix products. Weights, moments, gradients, sums, LayerNorm, softmax and the
/// loss are float32 in both.
public enum Precision: String, Sendable, Codable, CaseIterable {
    /// 32-bit floats throughout.
    case float32
    /// Activations and a copy of the weights in bfloat16, products summed in float32.
    case bf16

    /// Why this machine cannot compute in it; nil if it can.
    public var unsupportedReason: String? {
        guard self == .bf16, !Matmul.hasBFloat16 else { return nil }
        return "this machine's processor multiplies no bfloat16 (it has neither AVX512-BF16 nor AMX); "
            + "use --precision float32"
    }
}
