import Modeling

/// What validations are ranked by: the primary metric, then the loss.
struct BestState: Sendable, Equatable {
    var step: Int
    /// The primary metric of the model's head.
    var primary: Metric
    var loss: Double
    /// Whether a checkpoint of it is there.
    var isKept = false
    /// The probability from which on an example counts as having a label, where the validation has chosen one.
    var threshold: Double?

    /// Whether it is at least as good as another one: by the primary metric, then by loss; of equals the later one is
    /// the best, as for the checkpoints that are kept.
    func isAtLeast(_ other: BestState) -> Bool {
        guard isUsable else { return false }
        return (primary.merit, -loss) >= (other.primary.merit, -other.loss)
    }

    /// The entry of ``threshold`` in a checkpoint's metrics.
    static let thresholdKey = "validation_\(MetricKind.threshold.key)"

    /// Whether it can be the best at all.
    var isUsable: Bool { primary.value.isFinite && loss.isFinite }
}
