/// What all ranks know of one step's summation, and where this rank wants the sum.
public struct ReductionStep {
    /// The number of the step, greater than that of the step before.
    public var number: UInt64
    /// The tree over the step's micro-batches.
    public var tree: ReductionTree
    /// The micro-batches of each rank; together all of them, each once. A rank may have none.
    public var partition: [Range<Int>]
    /// The ranges of the flat gradient by bucket number, not overlapping, the same on all ranks. Lengths may vary from
    /// step to step.
    public var buckets: [Range<Int>]
    /// Where the sum goes: a flat gradient, of which nothing outside of `buckets` is written.
    ///
    /// It is either the very buffer of one of this rank's contributions (then one rank alone copies nothing) or memory
    /// that overlaps none of them; anything else is refused when the bucket is submitted. Not to be touched from the
    /// submit of a bucket (for a rank without micro-batches: from the begin) until the step has finished.
    public var result: UnsafeMutablePointer<Float>
    /// What rounding lost in the steps before, at the places of `result`, zeros at first; `nil` to let it be lost.
    ///
    /// Where the reducer rounds, it is added, and what is lost now is left there. Not to be touched while `result` is
    /// not.
    public var residual: UnsafeMutablePointer<Float>?

    /// A step of these parts.
    public init(
        number: UInt64, tree: ReductionTree, partition: [Range<Int>], buckets: [Range<Int>],
        result: UnsafeMutablePointer<Float>, residual: UnsafeMutablePointer<Float>? = nil
    ) {
        self.number = number
        self.tree = tree
        self.partition = partition
        self.buckets = buckets
        self.result = result
        self.residual = residual
    }
}
