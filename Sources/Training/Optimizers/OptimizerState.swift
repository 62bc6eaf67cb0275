/// The memory that an optimizer step works on, all of it indexed by the flat parameter vector; the moments end where
/// that is not trained any more.
///
/// It does not own the memory. It is `@unchecked Sendable` because the threads that share it take their steps over
/// ranges that do not overlap, which is theirs to see to.
public struct OptimizerState: @unchecked Sendable {
    /// The weights.
    public var weights: UnsafeMutablePointer<Float>
    /// AdamW's first moment, or SGD's velocity.
    public var first: UnsafeMutablePointer<Float>
    /// AdamW's second moment; not touched by SGD.
    public var second: UnsafeMutablePointer<Float>

    /// The three vectors.
    public init(
        weights: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>
    ) {
        self.weights = weights
        self.first = first
        self.second = second
    }
}
