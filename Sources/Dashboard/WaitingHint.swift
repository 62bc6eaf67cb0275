import Cluster

/// What to do about a run whose workers wait for each other's gradients: reported once, at the end.
struct WaitingHint {
    /// From this share of the time on it is worth a line.
    static let least = 0.25
    /// The first steps, in which workers warm up, are left out.
    static let skipped = 3

    private var steps = 0
    private var waited = 0.0
    private var seconds = 0.0

    mutating func add(_ step: StepMetrics) {
        steps += 1
        guard steps > Self.skipped else { return }
        // Steps overlap: what was waited for one may be longer than the time since the one before.
        waited += min(max(0, step.allreduceSeconds), max(0, step.stepSeconds))
        seconds += max(0, step.stepSeconds)
    }

    /// The line; nil where little was waited or nothing is left to try.
    func line(_ remedies: [String]) -> String? {
        guard seconds > 0, waited / seconds >= Self.least, !remedies.isEmpty else { return nil }
        let share = Int((100 * waited / seconds).rounded())
        return "\(share)% of the time went into waiting for the all-reduce; less of it by "
            + remedies.joined(separator: ", or ")
    }
}
