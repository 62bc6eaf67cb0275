/// When a step that makes no progress is given up. Pure: it is handed the time, in seconds.
struct StepTimer {
    /// Seconds that a peer whose shared memory is closed has to close its connection too, as one that fails does.
    static let withdrawalSeconds = 2.0

    /// What is known of peers that may have failed.
    struct Trouble: Equatable {
        /// Since when a peer that is still needed has been lost, the earliest.
        var neededPeerLostAt: Double?
        /// Since when a peer's shared memory has been closed though the peer announced it in this step, the earliest.
        var memoryClosedAt: Double?
    }

    private let timeouts: AllReduceOptions.Timeouts
    /// The newest step begun.
    private(set) var lastStep: UInt64?
    private var begunAt = 0.0
    private var lastProgress = 0.0
    private var lastStepSeconds: Double?

    /// No step has begun.
    init(_ timeouts: AllReduceOptions.Timeouts) { self.timeouts = timeouts }

    /// The step `number` begins.
    mutating func begin(_ number: UInt64, now: Double) {
        lastStep = number
        begunAt = now
        lastProgress = now
    }

    /// Something came or went.
    mutating func recordProgress(now: Double) { lastProgress = now }

    /// The step is done: later ones are given time by its length.
    mutating func end(now: Double) { lastStepSeconds = now - begunAt }

    /// Seconds without progress that are too many.
    var limit: Double {
        lastStepSeconds.map { max(timeouts.step, timeouts.stepFactor * $0) } ?? timeouts.firstStep ?? timeouts.step
    }

    /// When the step under way is given up.
    func deadline(_ trouble: Trouble) -> Double {
        var deadline = lastProgress + limit
        if let closedAt = trouble.memoryClosedAt { deadline = min(deadline, closedAt + Self.withdrawalSeconds) }
        if let lostAt = trouble.neededPeerLostAt {
            deadline = min(deadline, max(lostAt, lastProgress) + timeouts.lostPeerGrace)
        }
        return deadline
    }
}
