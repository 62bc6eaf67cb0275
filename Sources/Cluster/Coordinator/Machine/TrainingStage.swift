/// What the members of a generation are at.
enum TrainingStage: Sendable {
    /// No generation is at work.
    case idle
    case training
    case evaluating
    /// A loss or gradient is said not to be finite: the other workers' reports are waited for.
    case failing
    /// All weights are hashed and compared.
    case verifying
    /// Everything rests while the state is fetched or written.
    case fetching
    /// The last state is here: the workers are not needed any more.
    case saving
}
