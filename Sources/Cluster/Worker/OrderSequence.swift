/// The steps ordered of a worker: one after the other, each fit for its rank.
struct OrderSequence: Sendable, Equatable {
    /// The step that the next order must be for.
    private(set) var next: UInt64

    /// The first order is for step `next`.
    init(next: UInt64) { self.next = next }

    /// Takes an order; false, and no change, if it is for another step, or does not fit rank `rank` of `size`.
    mutating func accept(_ order: StepOrder, step: UInt64, rank: Int, size: Int) -> Bool {
        guard step == next, order.partition.count == size, order.partition.indices.contains(rank),
            order.batches.count == order.partition[rank].count
        else { return false }
        next += 1
        return true
    }
}
