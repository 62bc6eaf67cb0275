/// Brings states from workers to the disk, when ``CheckpointPolicy`` wants them, and remembers from where the run goes
/// on should all workers be lost.
struct Checkpointer: Sendable {
    /// What the members do next.
    enum Next: Sendable {
        /// What they were doing.
        case goOn
        /// They rest while the state is fetched or written.
        case rest
        /// They are not needed any more.
        case save
        /// They load the best state.
        case restoreBest(step: Int)
        case end(RunError)
    }

    var policy: CheckpointPolicy
    var transfer = StateTransfer()
    /// The phase of the run, from 0.
    private var phase = 0

    init(_ settings: CoordinatorSettings) { policy = CheckpointPolicy(settings) }

    /// The data is known.
    mutating func begin(_ plan: RunPlan) {
        policy.begin(step: plan.source.step, path: plan.checkpoint, best: plan.best, validation: plan.validation)
        begin(plan.source, plan.firstPhase)
    }

    /// Another phase begins, or is gone back to, with this state.
    mutating func enter(_ source: StateSource, _ phase: PhasePlan) {
        policy.beginPhase(step: source.step)
        begin(source, phase)
    }

    private mutating func begin(_ source: StateSource, _ phase: PhasePlan) {
        self.phase = source.phase
        transfer.begin(source, shape: phase.welcome.shape, parts: phase.stateParts)
    }

    // MARK: fetching

    /// Whether nothing is on its way to the disk, and nothing is to be tried again.
    var isIdle: Bool { transfer.fetch == nil && !policy.isBusy }

    /// Whether the run goes on once what is on its way to the disk is there.
    var isRestTemporary: Bool {
        switch transfer.fetch?.purpose ?? policy.writing?.purpose {
        case .best, .periodic, .phaseEnd: true
        default: false
        }
    }

    /// Asks the first member for a copy of its state after `step` steps; what was on its way is given up.
    mutating func fetch(_ purpose: FetchPurpose, step: Int, from members: [WorkerRecord], _ turn: inout Turn) {
        guard let member = members.first else { return }
        transfer.startFetch(purpose, from: member.peer, step: step, &turn)
        policy.requested(step: step, turn.now)
    }

    /// Asks for a copy of the state before `step`, if it is time for a checkpoint.
    mutating func fetchIfDue(before step: Int, from members: [WorkerRecord], _ turn: inout Turn) {
        guard transfer.fetch == nil, policy.isDue(before: step, turn.now) else { return }
        fetch(.periodic, step: step, from: members, &turn)
    }

    /// Has what was fetched written, once it is complete, its step is known to be done, and nothing else is being
    /// written.
    mutating func writeIfFetched(_ steps: StepScheduler, _ turn: inout Turn) -> Next? {
        guard let fetch = transfer.fetch, fetch.isComplete, policy.writing == nil, steps.completed >= fetch.step,
            let history = steps.history, let point = history.point(at: fetch.step)
        else { return nil }
        transfer.takeFetch(&turn)
        policy.write(fetch.purpose, point, phase: phase, history, &turn)
        switch fetch.purpose {
        case .periodic: return nil
        case .best, .phaseEnd: return .rest
        case .ending, .final: return .save
        }
    }

    // MARK: what the run rests for

    /// Keeps the present state, which is the best so far; it may be on its way already.
    mutating func keepBest(step: Int, from members: [WorkerRecord], _ turn: inout Turn) -> Next {
        rest(for: .best, step: step, from: members, &turn)
    }

    /// Keeps the state at the end of a phase; it may be on its way already.
    mutating func keepPhaseEnd(step: Int, from members: [WorkerRecord], _ turn: inout Turn) -> Next {
        rest(for: .phaseEnd, step: step, from: members, &turn)
    }

    private mutating func rest(
        for purpose: FetchPurpose, step: Int, from members: [WorkerRecord], _ turn: inout Turn
    ) -> Next {
        if isIdle { fetch(purpose, step: step, from: members, &turn) }
        return .rest
    }

    /// Keeps the last state, then goes to the best one for the end of the run.
    mutating func beginFinale(step: Int, from members: [WorkerRecord], _ turn: inout Turn) -> Next {
        guard isIdle, policy.isKept(step: step), let best = policy.beginFinale() else {
            return keepBest(step: step, from: members, &turn)
        }
        return .restoreBest(step: best)
    }

    /// Ends the run with `error` once a checkpoint of the present state is kept.
    mutating func end(with error: RunError, step: Int, from members: [WorkerRecord], _ turn: inout Turn) -> Next {
        guard step > 0 else { return .end(error) }
        guard !policy.isKept(step: step) else { return .end(policy.kept(error)) }
        turn.emit(.saving)
        fetch(.ending(error), step: step, from: members, &turn)
        return .rest
    }

    /// The workers have the final weights: fetches them, unless they are those of a checkpoint.
    mutating func saveModel(_ steps: StepScheduler, from members: [WorkerRecord], _ turn: inout Turn) -> Next {
        turn.emit(.saving)
        if policy.finale != nil, let point = steps.history?.current {
            policy.writeBestModel(point, &turn)
            return .save
        }
        fetch(.final, step: steps.completed, from: members, &turn)
        return .rest
    }

    // MARK: written

    /// A checkpoint was written.
    mutating func saved(path: String, _ steps: inout StepScheduler, _ turn: inout Turn) -> Next? {
        guard let written = policy.saved(path: path, &turn) else { return nil }
        switch written.purpose {
        case .ending(let error): return .end(policy.kept(error))
        case .final: return nil
        case .best, .periodic, .phaseEnd:
            let point = written.point
            guard let history = steps.history, (history.base.step...history.end).contains(point.step) else {
                return .goOn
            }
            // From now on, should all workers be lost, this is where the run goes on from.
            steps.forget(before: point.step)
            transfer.source = StateSource(step: point.step, phase: phase, parts: [], point: point)
            turn.perform(.releaseSource)
            return .goOn
        }
    }

    /// Something could not be written.
    ///
    /// - Parameter isSaving: Whether the run is at its end.
    mutating func failed(_ reason: String, isSaving: Bool, _ turn: inout Turn) -> Next? {
        switch policy.failed(reason, isSaving: isSaving, &turn) {
        case nil: return nil
        case .goOn: return .goOn
        case .end(let error): return .end(error)
        case .saveModel:
            turn.perform(.saveModel)
            return nil
        }
    }

    /// Takes in a validation; if it calls for a checkpoint now, asks for one.
    mutating func validated(
        _ record: EvaluationRecord, isLast: Bool, from members: [WorkerRecord], _ turn: inout Turn
    ) {
        policy.validated(record)
        guard policy.keepsEpochs, !isLast, !policy.mustKeepBest(at: record.step) else { return }
        fetch(.periodic, step: record.step, from: members, &turn)
    }

    // MARK: states that were read

    mutating func bestLoaded(_ source: StateSource) {
        policy.bestLoaded(source)
        transfer.source = source
    }

    /// All members have the state.
    mutating func connected(_ turn: inout Turn) {
        transfer.connected(&turn)
        policy.releaseBest()
    }
}
