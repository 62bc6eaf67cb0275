import DequeModule

/// The durations of the last steps.
struct StepPace: Sendable {
    private static let kept = 64
    private var recent: Deque<Double> = []

    /// Adds a step's seconds.
    mutating func add(_ seconds: Double) {
        recent.append(seconds)
        if recent.count > Self.kept { recent.removeFirst() }
    }

    /// Seconds; nil until a step was measured.
    var median: Double? { recent.isEmpty ? nil : recent.sorted()[recent.count / 2] }
}
