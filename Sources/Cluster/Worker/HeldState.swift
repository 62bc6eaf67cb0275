import DequeModule

/// What is known of the state that a worker's replica holds.
struct HeldState: Sendable {
    /// Whether the replica holds a whole state. False before the first load, and while one replaces another.
    private(set) var isWhole = false
    /// The steps behind it.
    private(set) var appliedSteps: UInt64 = 0
    /// Of the last steps applied, ascending; at most ``ControlLimits/maxRecords``.
    private(set) var records: Deque<StepRecord> = []
    /// Replicas of other phases that are being made: until they are there, what is reported is of one that is gone.
    private var pendingReplicas = 0
    /// The copy of which the coordinator asks for chunks.
    var snapshot: StateSnapshot?

    /// Another phase begins: what is held is of no use, and a replica of its model is to be made.
    mutating func replaceReplica() {
        let pending = pendingReplicas + 1
        self = HeldState()
        pendingReplicas = pending
    }

    /// The replica of another phase is there.
    mutating func replicaReplaced() { pendingReplicas = max(0, pendingReplicas - 1) }

    /// From here until all of another state is there, the replica holds neither the old one nor the new one.
    mutating func beginLoading() {
        isWhole = false
        records.removeAll()
    }

    /// The replica holds the state after `step` steps.
    mutating func loaded(step: UInt64) {
        guard pendingReplicas == 0 else { return }
        isWhole = true
        appliedSteps = step
    }

    /// Step `step`, counted from 0, was applied.
    mutating func stepped(_ step: UInt64, _ report: StepReport) {
        guard pendingReplicas == 0 else { return }
        appliedSteps = step + 1
        records.append(StepRecord(step: step, lossSums: report.lossSums, gradientNorm: report.gradientNorm))
        if records.count > ControlLimits.maxRecords { records.removeFirst() }
    }
}
