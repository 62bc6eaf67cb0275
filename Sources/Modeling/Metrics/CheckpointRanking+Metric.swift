import Checkpoint

extension CheckpointRanking {
    /// By a metric of the validation set, under the key that says so.
    public init(_ metric: MetricKind) {
        self.init(key: "validation_\(metric.key)", isHigherBetter: metric.isHigherBetter)
    }
}
