/// Ending early.
extension Rendezvous {
    /// Ctrl-C or SIGTERM.
    mutating func interrupted(_ training: inout TrainingLoop, _ turn: inout Turn) {
        guard !training.checkpointer.policy.isInterrupted else { return }
        if case .working = phase { return training.interrupt(&membership, &turn) }
        let error = RunError.interrupted(checkpoint: nil)
        guard membership.hasBegun else {
            return end(.failure(training.checkpointer.policy.kept(error)), &turn)
        }
        turn.emit(.interrupted)
        finish(with: error, &training, &turn)
    }

    /// Ends the run with `error` as soon as the state is kept.
    mutating func finish(with error: RunError, _ training: inout TrainingLoop, _ turn: inout Turn) {
        training.finish(with: error, &membership, &turn)
        guard case .gathering = phase else { return }
        guard membership.count > 0 else { return end(.failure(training.checkpointer.policy.kept(error)), &turn) }
        formGeneration(&training, &turn)
    }
}
