import Modeling

/// The settings of a coordinator, which never change.
struct CoordinatorSettings: Sendable {
    /// The workers that a run starts with.
    var workers: Int
    /// They are children of this process; then `childStarted` reports their process ids.
    var local: Bool
    /// Fewer than these, and the others wait.
    var minWorkers = 1
    /// Upper limit: further workers are refused, as there would be no work for them.
    var maxWorkers = ControlLimits.maxWorkers
    /// How often workers that are children are started again, all together.
    var maxRestarts = 0
    /// The run has begun before: those of its workers that live still will come by themselves.
    var isResumed = false
    /// See ``RunSummary/communicationHints``.
    var communicationHints: [String] = []
    /// The folder of the keys that workers need, to be shown to people; nil for none.
    var keys: String?
    /// How many coordinators the run had before: their generations have lower numbers, so that a late message of one of
    /// them is not taken for a new one.
    var previousStarts = 0
    var heartbeatTimeout = 5.0
    var joinTimeout = 600.0
    /// Seconds that a resumed run waits for its workers before it goes on with those that are there.
    var returnSeconds = 8.0
    /// Steps ordered ahead of the one under way.
    var lookahead = 3
    /// How long a suspected worker may take to refute the suspicion.
    var suspicionSeconds = 0.75
    /// Seconds without a sign of work from a worker that owes one, while others work, after which it is replaced; more
    /// where steps take long, see `stallFactor`.
    var stallSeconds = 60.0
    /// As many times the median of the last steps' seconds, where that is more than `stallSeconds`.
    var stallFactor = 20.0
    /// In place of both, until a step was measured.
    var firstStallSeconds = 600.0
    /// How long the other workers' reports are waited for when a loss is not finite.
    var nonFiniteSeconds = 10.0
    /// Steps between checkpoints; nil for none.
    var checkpointEvery: Int?
    /// Seconds between checkpoints; nil for none.
    var checkpointSeconds: Double?
    /// Ends with the best state by validation, not with the last one.
    var keepsBest = false
    /// No checkpoint stays once the model is written.
    var removesCheckpoints = false
    /// Splits micro-batches by measured speed.
    var balances = true
    /// In what workers compute: which of their instructions decide the bits.
    var precision = Precision.float32
    /// Whether outputs that are to be collected are looked for first, and kept.
    var cachesOutputs = false
    /// When the run began, on the monotonic clock of the events.
    var startedAt = 0.0

    var heartbeatInterval: Double { min(1, heartbeatTimeout / 4) }
    var keepsCheckpoints: Bool { checkpointEvery != nil || checkpointSeconds != nil }
}
