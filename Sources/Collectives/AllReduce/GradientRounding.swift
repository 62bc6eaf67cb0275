import CKernels

/// What a lossy wire does to floats before they are sent: they become bfloat16 numbers, and what that loses is kept for
/// the next time (error feedback: Seide et al. 2014, Karimireddy et al. 2019).
///
/// A residual is added wherever this rank next rounds floats at its place, of a contribution or of a sum: so the sum
/// over all steps of what went into the results is that of the exact sums, except for what is being kept back.
enum GradientRounding {
    /// Floats are sent as they are.
    case none
    /// Rounded; the losses are kept in a flat gradient, or dropped where there is none.
    case bfloat16(residual: UnsafeMutablePointer<Float>?)

    /// Rounds `floats`, which stand at `offset` of the flat gradient, in place.
    func round(_ floats: UnsafeMutableBufferPointer<Float>, at offset: Int) {
        guard case .bfloat16(let residual) = self, let base = floats.baseAddress else { return }
        if let residual {
            shoal_round_with_feedback(base, residual + offset, floats.count)
        } else {
            shoal_round_bf16(base, floats.count)
        }
    }
}
