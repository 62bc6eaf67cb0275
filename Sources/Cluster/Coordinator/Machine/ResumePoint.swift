/// From where a new generation goes on: the newest state that there is.
enum ResumePoint: Sendable {
    case step(Int)
    /// A checkpoint is being written that is further than any worker.
    case checkpoint
    /// No worker has the state: it is read from disk.
    case disk(CoordinatorEffect)
    /// Too little is known.
    case unknown(RunError)

    /// Chooses it for members that have all reported what they have applied.
    static func choose(
        _ members: [WorkerRecord], source: StateSource, steps: StepScheduler, checkpoints: CheckpointPolicy
    ) -> ResumePoint {
        func canGoOn(_ step: Int) -> Bool { steps.canGoOn(from: step, records: members.records(at: step)) }
        if let bestRestore = checkpoints.bestRestore {
            let isThere = members.contains { $0.applied == bestRestore.best.step }
            return isThere || bestRestore.source?.parts.isEmpty == false
                ? .step(bestRestore.best.step) : .disk(.loadBest(step: bestRestore.best.step))
        }
        let furthest = Set(members.compactMap(\.applied)).sorted(by: >).first {
            $0 > source.step && $0 <= steps.phaseEnd && canGoOn($0)
        }
        if let writing = checkpoints.writing, [.periodic, .best, .phaseEnd].contains(writing.purpose),
            writing.point.step > furthest ?? source.step
        {
            // To go back behind a checkpoint would be to lose steps, and lines of the log that belong to it.
            return .checkpoint
        }
        if let furthest { return .step(furthest) }
        if source.parts.isEmpty, !members.contains(where: { $0.applied == source.step }) { return .disk(.loadSource) }
        guard canGoOn(source.step) else {
            return .unknown(.failed("nothing is known of step \(source.step), where the work should go on"))
        }
        return .step(source.step)
    }
}

extension [WorkerRecord] {
    /// What a worker at `step` has recorded of the steps before it.
    func records(at step: Int) -> [StepRecord] { first { $0.applied == step }?.records ?? [] }
}
