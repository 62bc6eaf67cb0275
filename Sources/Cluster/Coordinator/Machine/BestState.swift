/// A validation, by what it is compared.
struct BestState: Sendable, Equatable {
    var step: Int
    var accuracy: Double
    var loss: Double
    /// Whether a checkpoint of it is there.
    var isKept = false

    /// Whether it is at least as good as another one: by accuracy, then by loss; of equals the later one is the best,
    /// as for the checkpoints that are kept.
    func isAtLeast(_ other: BestState) -> Bool {
        guard accuracy.isFinite, loss.isFinite else { return false }
        return (accuracy, -loss) >= (other.accuracy, -other.loss)
    }
}
