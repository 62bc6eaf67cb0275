import Foundation

/// Checkpoints, and the model at the end.
extension TrainingLoop {
    /// A chunk of a worker's state came.
    mutating func chunkReceived(
        _ chunk: StateTransfer.Chunk, _ payload: Data, step: UInt64, from peer: PeerID,
        _ membership: inout Membership, _ transition: inout Transition
    ) {
        if let problem = checkpointer.transfer.received(chunk, payload, step: step, from: peer, &transition) {
            transition.request(.sendAway(peer, what: problem))
        }
        apply(checkpointer.writeIfFetched(steps, &transition), &membership, &transition)
    }

    mutating func checkpointSaved(path: String, _ membership: inout Membership, _ transition: inout Transition) {
        apply(checkpointer.saved(path: path, &steps, &transition), &membership, &transition)
    }

    mutating func saveFailed(_ reason: String, _ membership: inout Membership, _ transition: inout Transition) {
        let isSaving = if case .saving = stage { true } else { false }
        apply(checkpointer.failed(reason, isSaving: isSaving, &transition), &membership, &transition)
    }

    mutating func modelSaved(path: String, digest: String, _ membership: Membership, _ transition: inout Transition) {
        let policy = checkpointer.policy
        guard case .saving = stage, policy.writing?.purpose == .final, let plan else { return }
        let output = plan.output
        if let notice = policy.bestNotice(modelPath: path, completed: steps.completed, output: output) {
            transition.emit(.notice(notice))
        }
        let workers = membership.members.isEmpty ? settings.workers : membership.members.count
        if let notice = plan.adapterNotice(modelPath: path) { transition.emit(.notice(notice)) }
        var result = RunResult(
            steps: steps, test: evaluations.test, best: policy.best, modelPath: path, sha256: digest,
            parameters: (plan.phases.last { !$0.steps.isEmpty } ?? plan.phases.last)?.parameters,
            modelStep: finalStep, workers: workers, startedAt: settings.startedAt, output: output, transition.now)
        result.secondText = plan.secondText
        end(.success(result), &transition)
    }
}
