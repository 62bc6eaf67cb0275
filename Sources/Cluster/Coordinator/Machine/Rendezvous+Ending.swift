/// Ending early.
extension Rendezvous {
    /// Ctrl-C or SIGTERM.
    mutating func handleInterrupt(_ training: inout TrainingLoop, _ transition: inout Transition) {
        guard !training.checkpointer.policy.isInterrupted else { return }
        if case .working = phase { return training.interrupt(&membership, &transition) }
        let error = RunError.interrupted(checkpoint: nil)
        guard membership.hasBegun else {
            return end(.failure(training.checkpointer.policy.kept(error)), &transition)
        }
        transition.emit(.interrupted)
        finish(with: error, &training, &transition)
    }

    /// Ends the run with `error` as soon as the state is kept.
    mutating func finish(with error: RunError, _ training: inout TrainingLoop, _ transition: inout Transition) {
        training.finish(with: error, &membership, &transition)
        guard case .gathering = phase else { return }
        guard membership.count > 0 else { return end(.failure(training.checkpointer.policy.kept(error)), &transition) }
        formGeneration(&training, &transition)
    }
}
