/// What a coordinator is at.
enum CoordinatorPhase: Sendable {
    /// Waiting for the data, or for more workers.
    case gathering(since: Double)
    /// A checkpoint is being written that is further than any worker: the work goes on from that.
    case awaitingCheckpoint
    /// No worker has the state: it is read from disk.
    case restoring
    /// The generation's members report where they stand, load what they lack, and connect to each other.
    case connecting(Reachability)
    /// ``TrainingLoop/stage`` says at what.
    case working
    case ended

    /// Its name in ``RunStatus/phase``.
    func name(_ training: TrainingLoop) -> String {
        switch (self, training.stage) {
        case (.ended, _): "ended"
        case _ where training.ending != nil: "stopping"
        case (.gathering, _): "gathering"
        case (.awaitingCheckpoint, _), (.restoring, _), (.connecting, _), (.working, .idle): "connecting"
        case (.working, .training): "training"
        case (.working, .evaluating): "evaluating"
        case (.working, .verifying), (.working, .fetching), (.working, .saving): "saving"
        case (.working, .failing): "failing"
        }
    }

    /// What is going on, for messages: "during step 12".
    func activity(_ training: TrainingLoop, hasBegun: Bool) -> String {
        switch (self, training.stage) {
        case (.ended, _), (.working, .saving): "at the end"
        case (.working, .training): "during step \(training.steps.completed + 1)"
        case (.working, .evaluating): "while the \(training.evaluations.kind?.rawValue ?? "test") set was evaluated"
        case (.working, .verifying), (.working, .fetching): "while the model was collected"
        case (.working, .failing): "after another failure in step \(training.steps.completed + 1)"
        default: hasBegun ? "between two steps" : "while the workers were joining"
        }
    }
}
