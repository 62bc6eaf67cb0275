import Foundation
import Inference
import Training

/// What the members of a generation do, one thing after the other: train to the end of an epoch, evaluate, keep the
/// state, and so on to the model. It does not know how members come and go: a generation begins with ``proceed(_:_:)``,
/// and ends with ``suspend()``.
struct TrainingLoop: Sendable {
    let settings: CoordinatorSettings
    /// Nil until the data is known.
    private(set) var phases: PhaseSequence?
    var stage = TrainingStage.idle
    var steps: StepScheduler
    var evaluations = EvaluationScheduler()
    var checkpointer: Checkpointer
    var claims = ClaimVerifier()
    /// The last step of a phase, once the hashes of all workers' weights after it were found to be equal.
    private var comparedStep: Int?

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        steps = StepScheduler(settings)
        checkpointer = Checkpointer(settings)
    }

    /// The data is known.
    mutating func begin(_ plan: RunPlan, _ transition: inout Transition) {
        let phases = PhaseSequence(plan)
        self.phases = phases
        steps.begin(plan.history, totalSteps: plan.totalSteps, phaseNumber: phases.number, &transition)
        checkpointer.begin(plan)
    }

    var plan: RunPlan? { phases?.plan }
    /// The phase under way.
    var phase: PhasePlan? { phases?.current }

    /// The run shall end with this, once the state is kept.
    var ending: RunError? { checkpointer.policy.ending }

    // MARK: generations

    /// The generation ends: what its members were doing is put aside.
    mutating func suspend() {
        stage = .idle
        steps.suspend()
        evaluations.suspend()
        checkpointer.transfer.suspend()
        claims.suspend()
    }

    /// From where members that have reported what they have applied go on; nil before the data is known.
    func resumePoint(_ members: [WorkerRecord]) -> ResumePoint? {
        checkpointer.transfer.source.map {
            ResumePoint.choose(members, source: $0, steps: steps, checkpoints: checkpointer.policy)
        }
    }

    /// Members are to connect, and to load the state of `step` where they lack it.
    mutating func connect(_ members: inout [WorkerRecord], at step: Int, _ transition: inout Transition) {
        if checkpointer.policy.bestRestore == nil { steps.prefetchRecovery(to: step, &transition) }
        checkpointer.transfer.connect(&members, at: step, &transition)
    }

    /// All members have the state of `step`, and are connected: brings what is known of the run there.
    ///
    /// - Parameter mustRewind: What an earlier coordinator had written may reach further than the workers do.
    mutating func goOn(
        from step: Int, _ members: inout [WorkerRecord], mustRewind: Bool, _ transition: inout Transition
    ) {
        if checkpointer.policy.bestRestore == nil {
            if mustRewind || step < max(steps.history?.end ?? 0, steps.completed) {
                steps.rewind(to: step)
                let isPhaseBeginning = step > 0 && step == phase?.steps.lowerBound
                transition.perform(.rewindMetrics(step: step, isPhaseBeginning: isPhaseBeginning))
                if step < steps.completed { transition.emit(.wentBack(from: steps.completed, to: step)) }
                evaluations.discard()
                checkpointer.policy.rewind(to: step)
            }
            steps.recover(to: step, records: members.records(at: step), &transition)
        }
        for i in members.indices { members[i].applied = step }
        checkpointer.connected(&transition)
    }

    // MARK: one thing after the other

    /// Goes on with whatever is next after the steps completed, with all members ready.
    mutating func proceed(_ membership: inout Membership, _ transition: inout Transition) {
        guard let phases, let phase else { return }
        let (completed, members) = (steps.completed, membership.members)
        if let ending {
            apply(checkpointer.end(with: ending, step: completed, from: members, &transition), &membership, &transition)
        } else if claims.mustCompareWeights {
            compareWeights(members, &transition)
        } else if membership.wantsGeneration, !steps.isDone || phase.collection != nil {
            transition.request(.formGeneration)
        } else if evaluations.kind != nil {
            evaluate(&membership, &transition)
        } else if let collection = phase.collection {
            start(.collection, collection, phase, &membership, &transition)
        } else if checkpointer.policy.mustKeepBest(at: completed) {
            apply(checkpointer.keepBest(step: completed, from: members, &transition), &membership, &transition)
        } else if steps.isDone, steps.hasPassedBarrier, !phases.isLast {
            endPhase(&membership, &transition)
        } else if steps.isDone, steps.hasPassedBarrier, checkpointer.policy.needsFinale(at: completed) {
            apply(checkpointer.beginFinale(step: completed, from: members, &transition), &membership, &transition)
        } else if steps.isAtBarrier, !steps.hasPassedBarrier {
            if let validation = phase.validation {
                start(.validation, validation, phase, &membership, &transition)
            } else {
                steps.passBarrier(validationLoss: nil)
                proceed(&membership, &transition)
            }
        } else if !steps.isDone {
            stage = .training
            steps.resume(transition.now)
            issueSteps(&membership, &transition)
        } else if let test = phase.test, evaluations.test == nil {
            start(.test, test, phase, &membership, &transition)
        } else {
            compareWeights(members, &transition)
        }
    }

    // MARK: phases

    /// All steps of a phase that is not the last one are done: once all weights are found to be the same, the state is
    /// kept, and read again as that with which the next phase begins.
    private mutating func endPhase(_ membership: inout Membership, _ transition: inout Transition) {
        let (completed, members) = (steps.completed, membership.members)
        if checkpointer.isIdle, checkpointer.policy.isKept(step: completed) {
            stage = .idle
            transition.request(.restore(.loadSource))
        } else if comparedStep == completed {
            apply(checkpointer.keepPhaseEnd(step: completed, from: members, &transition), &membership, &transition)
        } else {
            compareWeights(members, &transition)
        }
    }

    /// A state was read that is of another phase than the one under way: that phase begins, or is gone back to.
    mutating func enter(_ source: StateSource, _ transition: inout Transition) {
        phases?.enter(source.phase)
        guard let phases, let phase else { return }
        steps.enter(phase.history(from: source.point), phaseNumber: phases.number)
        checkpointer.enter(source, phase)
        evaluations.discard()
        comparedStep = nil
        if !endsAtOnce { transition.emit(.notice(phases.begins(after: source.step))) }
    }

    /// Does what keeping the state calls for.
    mutating func apply(_ next: Checkpointer.Next?, _ membership: inout Membership, _ transition: inout Transition) {
        switch next {
        case nil: break
        case .rest: stage = .fetching
        case .save: stage = .saving
        case .restoreBest(let step):
            stage = .idle
            transition.request(.restore(.loadBest(step: step)))
        case .end(let error): end(.failure(error), &transition)
        case .goOn:
            apply(checkpointer.writeIfFetched(steps, &transition), &membership, &transition)
            // The run may have rested for the sake of a checkpoint, and none is on its way any more.
            if case .fetching = stage, checkpointer.isIdle { proceed(&membership, &transition) }
        }
    }

    mutating func end(_ outcome: RunOutcome, _ transition: inout Transition) {
        stage = .idle
        transition.request(.end(outcome))
    }

    // MARK: training

    /// Orders steps up to the lookahead; where everything has come to rest, goes on with what comes there.
    private mutating func issueSteps(_ membership: inout Membership, _ transition: inout Transition) {
        steps.prefetchSteps(&transition)
        while !isStopping(membership), steps.canIssue {
            // The order for the copy of a state goes out before that for the step after it.
            checkpointer.fetchIfDue(before: steps.issued, from: membership.members, &transition)
            steps.issue(to: membership.members, &transition)
        }
        if steps.inFlight.isEmpty, isStopping(membership) { proceed(&membership, &transition) }
    }

    /// Whether no step is to be ordered any more before something else is done.
    private func isStopping(_ membership: Membership) -> Bool {
        ending != nil || membership.wantsGeneration || claims.mustCompareWeights
    }

    /// Micro-batches that were asked for are packed.
    mutating func prefetched(
        _ batches: PrefetchedBatches, _ membership: inout Membership, _ transition: inout Transition
    ) {
        switch batches {
        case .step(let step):
            if steps.prefetched(step), case .training = stage { issueSteps(&membership, &transition) }
        case .evaluation(let id, let batches):
            if case .evaluating = stage { evaluations.prefetched(id, batches, step: steps.completed, &transition) }
        }
    }

    /// A member has taken a step.
    mutating func stepReported(
        _ report: StepReport, step: UInt64, by index: Int, _ membership: inout Membership,
        _ transition: inout Transition
    ) {
        switch stage {
        case .training: break
        case .failing, .fetching, .saving:
            // From before a failure; the step counts once the worker reports that it has applied it.
            return
        case .idle, .evaluating, .verifying:
            let peer = membership.members[index].peer
            return transition.request(.sendAway(peer, what: "a step's report although no step was under way"))
        }
        guard steps.take(report, step: step, by: &membership.members[index], &transition) else { return }
        while case .training = stage, let (done, reports) = steps.nextReported() {
            complete(done, reports, &membership, &transition)
        }
        claims.settle(completed: steps.completed, members: membership.members, &transition)
        claims.sendOutliersAway(&transition)
    }

    private mutating func complete(
        _ done: InFlightStep, _ reports: [StepReport], _ membership: inout Membership, _ transition: inout Transition
    ) {
        let report: StepReport
        switch claims.agree(
            on: reports, step: done.step, members: membership.members, isLossDecisive: steps.isLossDecisive, &transition
        )
        {
        case .report(let agreed): report = agreed
        case .undecided(let error): return end(.failure(checkpointer.policy.kept(error)), &transition)
        }
        membership.stepCompleted()
        transition.stepSeconds.append(steps.complete(done, report, of: reports, &transition))
        apply(checkpointer.writeIfFetched(steps, &transition), &membership, &transition)
        if steps.inFlight.isEmpty, ending == nil, steps.isAtBarrier {
            proceed(&membership, &transition)
        } else {
            issueSteps(&membership, &transition)
        }
    }

    // MARK: claims

    /// A member says that the loss or gradient of a step is not finite; false if that is of no concern now.
    ///
    /// - Parameter laterSeconds: For which the other workers' reports are waited for when the step is computed again.
    mutating func claimed(
        _ failure: WorkerFailure, step: Int, by member: WorkerRecord, laterSeconds: Double, _ members: [WorkerRecord],
        _ transition: inout Transition
    ) -> Bool {
        switch stage {
        case .failing, .training: break
        default: return false
        }
        guard let ordered = steps.inFlight.first(where: { $0.step == step }),
            failure.microBatch.map({ ordered.partition[member.rank].contains($0) }) ?? true
        else {
            transition.request(
                .sendAway(member.peer, what: "a failure in step \(step + 1), which it was not ordered to take"))
            return false
        }
        stage = .failing
        let verdict = claims.claim(
            failure, by: member.peer, step: step, microBatches: ordered.partition.last?.upperBound ?? 1,
            members: members, seconds: settings.nonFiniteSeconds, laterSeconds: laterSeconds, transition)
        apply(verdict, &transition)
        return true
    }

    /// While a claim is being looked into, another member says that it cannot go on, or was lost.
    mutating func failedToo(_ peer: PeerID, isLost: Bool, _ members: [WorkerRecord], _ transition: inout Transition) {
        apply(isLost ? claims.lost(peer, members: members) : claims.reported(peer, members: members), &transition)
    }

    mutating func apply(_ verdict: ClaimVerifier.Verdict?, _ transition: inout Transition) {
        switch verdict {
        case nil: break
        case .confirmed(let message):
            // A generation of its own, so that every worker reports which steps it has applied.
            checkpointer.policy.end(with: .failed(message))
            transition.request(.formGeneration)
        case .recompute(let notice):
            if let notice { transition.emit(.notice(notice)) }
            transition.request(.formGeneration)
        case .refuted(let peer, let what): transition.request(.sendAway(peer, what: what))
        }
    }

    // MARK: evaluation

    private mutating func start(
        _ kind: EvaluationKind, _ source: any ExampleSource, _ phase: PhasePlan,
        _ membership: inout Membership, _ transition: inout Transition
    ) {
        evaluations.start(
            kind, source, batchSize: phase.evaluationBatch, metricBytes: phase.metricBytes, head: phase.model.head,
            labels: phase.labels + source.unknownLabels,
            origin: kind == .collection ? origin(phase, membership.members) : nil, &transition)
        evaluate(&membership, &transition)
    }

    /// An evaluation begins, or goes on.
    mutating func evaluate(_ membership: inout Membership, _ transition: inout Transition) {
        stage = .evaluating
        evaluations.handOut(to: membership.members, &transition)
        if evaluations.isComplete { finishEvaluation(&membership, &transition) }
    }

    /// A member reports what it has found of an order.
    mutating func evaluationReported(
        _ id: UInt32, _ parts: [MicroBatchMetrics], by index: Int, _ membership: inout Membership,
        _ transition: inout Transition
    ) {
        let member = membership.members[index]
        guard case .evaluating = stage else {
            // After an interrupt, orders that were out are still answered.
            if ending == nil { transition.request(.sendAway(member.peer, what: "metrics that were not asked for")) }
            return
        }
        if let error = evaluations.take(parts, of: id, from: member, members: membership.members, &transition) {
            end(.failure(error), &transition)
        } else if evaluations.isComplete {
            finishEvaluation(&membership, &transition)
        }
    }

    private mutating func finishEvaluation(_ membership: inout Membership, _ transition: inout Transition) {
        if finishCollection(&transition) { return }
        switch evaluations.finish(
            step: steps.completed, epoch: steps.epoch, tested: checkpointer.policy.tested, &transition)
        {
        case .failure(let error): end(.failure(error), &transition)
        case .success(let record):
            if record.kind == .validation {
                checkpointer.validated(record, isLast: steps.isDone, from: membership.members, &transition)
                steps.passBarrier(validationLoss: record.metrics.loss)
            }
            proceed(&membership, &transition)
        }
    }

    // MARK: comparing weights

    private mutating func compareWeights(_ members: [WorkerRecord], _ transition: inout Transition) {
        stage = .verifying
        for member in members { transition.send(.digestRequest, to: member.peer, step: steps.completed) }
    }

    /// The steps behind the state that the workers hold at the end of the run.
    var finalStep: Int { checkpointer.policy.bestRestore?.best.step ?? steps.completed }

    mutating func digestReported(
        _ digest: String, step: UInt64, by index: Int, _ membership: inout Membership, _ transition: inout Transition
    ) {
        guard case .verifying = stage else { return }
        switch claims.compare(digest, step: step, expected: finalStep, of: index, &membership.members, &transition) {
        case nil: break
        case .undecided(let error): end(.failure(checkpointer.policy.kept(error)), &transition)
        case .equal where claims.mustCompareWeights:
            claims.weightsAreEqual()
            transition.emit(.notice("all weights are the same: a report was false, and the run goes on"))
            proceed(&membership, &transition)
        case .equal where phases?.isLast == false:
            comparedStep = steps.completed
            proceed(&membership, &transition)
        case .equal:
            apply(checkpointer.saveModel(steps, from: membership.members, &transition), &membership, &transition)
        }
    }
}
