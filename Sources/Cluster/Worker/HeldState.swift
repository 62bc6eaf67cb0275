import Collections

/// What is known of the state that a worker's replica holds.
struct HeldState: Sendable {
    /// Whether the replica holds a whole state. False before the first load, and while one replaces another.
    private(set) var isWhole = false
    /// The steps behind it.
    private(set) var appliedSteps: UInt64 = 0
    /// Of the last steps applied, ascending; at most ``ControlLimits/maxRecords``.
    private(set) var records: Deque<StepRecord> = []
    /// The copy of which the coordinator asks for chunks.
    var snapshot: StateSnapshot?

    /// From here until all of another state is there, the replica holds neither the old one nor the new one.
    mutating func beginLoading() {
        isWhole = false
        records.removeAll()
    }

    /// The replica holds the state after `step` steps.
    mutating func loaded(step: UInt64) {
        isWhole = true
        appliedSteps = step
    }

    /// Step `step`, counted from 0, was applied.
    mutating func stepped(_ step: UInt64, _ report: StepReport) {
        appliedSteps = step + 1
        records.append(StepRecord(step: step, lossSums: report.lossSums, gradientNorm: report.gradientNorm))
        if records.count > ControlLimits.maxRecords { records.removeFirst() }
    }
}
