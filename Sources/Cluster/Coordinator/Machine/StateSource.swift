/// A state from which a run can begin or go on: the initial weights, or a checkpoint.
struct StateSource: Sendable {
    /// The steps behind it.
    var step: Int
    /// The phase of the run that it belongs to, from 0.
    var phase = 0
    /// Its vectors, with their hashes; those not named are zero. Empty where they are on disk and not in memory.
    var parts: [PartToLoad]
    /// What else belongs to it.
    var point: RunHistory.Point
}
