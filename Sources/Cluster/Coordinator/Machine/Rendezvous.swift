import Support

/// How a generation comes about, and how it ends: workers gather, report where they stand, agree on the step from which
/// they go on, load what they lack, and connect to each other; a worker that is lost ends it.
struct Rendezvous: Sendable {
    private let settings: CoordinatorSettings
    private(set) var phase: CoordinatorPhase
    var membership: Membership
    var localWorkers: LocalWorkerPolicy

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        phase = .gathering(since: settings.startedAt)
        membership = Membership(settings)
        localWorkers = LocalWorkerPolicy(settings)
    }

    var isEnded: Bool { if case .ended = phase { true } else { false } }

    mutating func end(_ outcome: RunOutcome, _ transition: inout Transition) {
        let (reason, isComplete) =
            switch outcome {
            case .success: ("the run is complete", true)
            case .failure(let error): (error.description, false)
            }
        membership.shutDown(String(reason.prefix(200)), isComplete: isComplete, &transition)
        transition.perform(.end(outcome))
        phase = .ended
    }

    /// Whether the loss of a worker matters still.
    func needsWorkers(_ training: TrainingLoop) -> Bool {
        switch (phase, training.stage) {
        case (.working, .saving), (.ended, _): false
        default: true
        }
    }

    // MARK: joining

    /// The data is known.
    mutating func runLoaded(_ plan: RunPlan, _ training: inout TrainingLoop, _ transition: inout Transition) {
        for record in membership.waiting { transition.send(.welcome(plan.firstPhase.welcome), to: record.peer) }
        formIfComplete(&training, &transition)
    }

    /// A greeting of a worker that is not known.
    mutating func greeted(
        by peer: PeerID, _ worker: WorkerDescription, runID: String, applied: Int?, _ training: inout TrainingLoop,
        _ transition: inout Transition
    ) {
        let child = localWorkers.number(ofProcess: worker.pid)
        guard
            let number = membership.admit(
                worker, from: peer, runID: runID, expectedRunID: training.phase?.welcome.runID, child: child,
                children: Set(localWorkers.processes.keys), &transition)
        else { return }
        if let child { localWorkers.isAlive(child) }
        join(worker, number: number, applied: applied, from: peer, &training, &transition)
    }

    mutating func childStarted(_ number: Int, pid: Int, _ training: inout TrainingLoop, _ transition: inout Transition)
    {
        localWorkers.started(number, pid: pid)
        guard let newcomer = membership.identify(pid: pid) else { return }
        join(newcomer.worker, number: number, applied: nil, from: newcomer.peer, &training, &transition)
    }

    /// Those that have greeted and are no children after all join.
    mutating func joinUnidentified(_ training: inout TrainingLoop, _ transition: inout Transition) {
        for newcomer in membership.giveUpIdentifying(transition.now)
        where membership.hasRoom(for: newcomer.peer, &transition) {
            let number = membership.freeNumber(isReturning: false, children: Set(localWorkers.processes.keys))
            join(newcomer.worker, number: number, applied: nil, from: newcomer.peer, &training, &transition)
        }
    }

    private mutating func join(
        _ worker: WorkerDescription, number: Int, applied: Int?, from peer: PeerID, _ training: inout TrainingLoop,
        _ transition: inout Transition
    ) {
        guard membership.join(worker, number: number, applied: applied, from: peer, &transition) else { return }
        if let phase = training.phase { transition.send(.welcome(phase.welcome), to: peer) }
        switch (phase, training.stage) {
        case (.gathering, _): formIfComplete(&training, &transition)
        case (.working, .training) where training.steps.inFlight.isEmpty: formGeneration(&training, &transition)
        case (.working, .evaluating): formGeneration(&training, &transition)
        default: membership.wantsGeneration = true
        }
    }

    private mutating func formIfComplete(_ training: inout TrainingLoop, _ transition: inout Transition) {
        guard case .gathering(let since) = phase, let plan = training.plan, membership.count > 0 else {
            return
        }
        let waited = transition.now - since
        let known = training.steps.history?.end ?? 0
        let kept = training.checkpointer.transfer.source?.step ?? plan.source.step
        guard membership.count >= membership.minimum(isEnding: training.ending != nil, waited: waited),
            !membership.awaitsReturn(waited, known: known, kept: kept)
        else { return }
        formGeneration(&training, &transition)
    }

    /// Time passes while workers are waited for.
    mutating func tick(_ training: inout TrainingLoop, _ transition: inout Transition) {
        switch phase {
        case .gathering(let since):
            let waited = transition.now - since
            if settings.isResumed, settings.local, training.plan != nil, waited > settings.returnSeconds {
                // Workers that have not come back by now will not.
                let present = Set(membership.all.map(\.number))
                localWorkers.restartAll(except: present, isEnding: training.ending != nil, &transition)
            }
            formIfComplete(&training, &transition)
            if case .gathering = phase, waited > settings.joinTimeout { joinTimedOut(&training, &transition) }
        case .connecting where !membership.hasBegun && transition.now - settings.startedAt > settings.joinTimeout:
            joinTimedOut(&training, &transition)
        default: break
        }
    }

    private mutating func joinTimedOut(_ training: inout TrainingLoop, _ transition: inout Transition) {
        let error = membership.joinTimeout(
            endpoint: training.plan?.endpoint ?? "", output: training.plan?.output ?? "")
        guard membership.hasBegun else { return end(.failure(error), &transition) }
        finish(with: error, &training, &transition)
    }

    // MARK: leaving

    /// A worker has failed, or counts as failed: the others go on without it.
    mutating func lose(_ peer: PeerID, why: String, _ training: inout TrainingLoop, _ transition: inout Transition) {
        let why = "\(why) \(activity(training))"
        guard let (record, wasMember) = membership.remove(peer) else { return }
        transition.record(.lost, record.name, why)
        transition.emit(.workerLost("\(record.name) \(why)", left: membership.count))
        localWorkers.lost(record, isEnding: training.ending != nil, &transition)
        endIfDeserted("\(record.name) \(why)", training, &transition)
        guard needsWorkers(training), wasMember else { return }
        switch (phase, training.stage) {
        case (.gathering, _): break
        case (.working, .failing): training.failedToo(peer, isLost: true, membership.members, &transition)
        default: formGeneration(&training, &transition)
        }
    }

    /// A worker sent something that does not fit: its program is broken, and it is refused.
    mutating func sendAway(
        _ peer: PeerID, _ what: String, _ training: inout TrainingLoop, _ transition: inout Transition
    ) {
        guard needsWorkers(training), membership.record(of: peer) != nil else { return }
        transition.send(.refusal("this worker sent \(what); is it the same version of shoal?"), to: peer)
        lose(peer, why: "was sent away: it sent \(what); is it the same version of shoal?", &training, &transition)
    }

    mutating func childExited(
        _ number: Int, pid: Int, why: String, bySignal: Bool, _ training: inout TrainingLoop,
        _ transition: inout Transition
    ) {
        localWorkers.exited(number)
        guard needsWorkers(training) else { return }
        let record = membership.all.first { $0.number == number && $0.worker.pid == pid }
        let name = record?.name ?? "worker \(number) (pid \(pid))"
        let text = "\(name) \(why) \(activity(training))"
        if !membership.hasBegun, !bySignal, !settings.isResumed {
            // Before anything has worked, a worker that ends by itself will do so again.
            return end(.failure(.workerLost(text)), &transition)
        }
        if RepeatedFailures.isOwnFailure(why, bySignal: bySignal),
            localWorkers.isRepeated(why, process: pid, worker: number, at: training.steps.completed)
        {
            return endRepeated(text, training, &transition)
        }
        if let record { return lose(record.peer, why: why, &training, &transition) }
        transition.record(.lost, name, why)
        // One that ends by itself may do so again and again.
        localWorkers.restart(number, after: bySignal ? 0 : 1, isEnding: training.ending != nil, &transition)
        endIfDeserted("\(name) \(why)", training, &transition)
    }

    /// A member says that no retry helps it.
    mutating func failed(
        _ member: WorkerRecord, _ failure: WorkerFailure, _ training: inout TrainingLoop, _ transition: inout Transition
    ) {
        guard needsWorkers(training) else { return }
        let text = "\(member.name) failed \(activity(training)): \(failure.message)"
        if settings.local, !membership.hasBegun, !settings.isResumed {
            // Before anything has worked, the next one would fail as well.
            return end(.failure(.workerLost(text)), &transition)
        }
        let isRepeated = localWorkers.isRepeated(
            failure.message, process: member.worker.pid, worker: member.number, at: training.steps.completed)
        if isRepeated, settings.local { return endRepeated(text, training, &transition) }
        lose(member.peer, why: "failed (\(failure.message))", &training, &transition)
        // Elsewhere, anyone may claim anything: it decides only where no worker is left that could know better.
        if isRepeated, needsWorkers(training), membership.count == 0 { endRepeated(text, training, &transition) }
    }

    /// Ends the run: a second worker has failed as one before it.
    private mutating func endRepeated(_ text: String, _ training: TrainingLoop, _ transition: inout Transition) {
        let error = RunError.failed("\(text); another worker failed in the same way at this step before")
        end(.failure(training.checkpointer.policy.kept(error)), &transition)
    }

    /// Where no worker is left, and none will come: starts workers again, or ends the run.
    private mutating func endIfDeserted(_ why: String, _ training: TrainingLoop, _ transition: inout Transition) {
        guard needsWorkers(training), settings.local, membership.isDeserted, localWorkers.processes.isEmpty else {
            return
        }
        localWorkers.restartAll(isEnding: training.ending != nil, &transition)
        guard localWorkers.processes.isEmpty else { return }
        if let ending = training.ending { return end(.failure(training.checkpointer.policy.kept(ending)), &transition) }
        let used = "no worker is left, and --max-restarts \(settings.maxRestarts) is used up"
        end(.failure(.workerLost("\(why); \(used)")), &transition)
    }

    // MARK: a generation

    /// Begins a generation with those that are there; whatever was under way is given up, or taken up again later.
    mutating func formGeneration(_ training: inout TrainingLoop, _ transition: inout Transition) {
        guard training.plan != nil else { return }
        membership.noteSpeeds(training.steps.balancer.speeds)
        training.suspend()
        membership.assemble(training.claims.reordered)
        let isEnding = training.ending != nil
        if membership.members.isEmpty, let ending = training.ending {
            return end(.failure(training.checkpointer.policy.kept(ending)), &transition)
        }
        guard membership.members.count >= max(1, membership.minimum(isEnding: isEnding)) else {
            membership.abandon(&transition)
            phase = .gathering(since: transition.now)
            return
        }
        if let error = membership.beginGeneration(&transition) { return end(.failure(error), &transition) }
        phase = .connecting(Reachability())
        training.steps.beginGeneration(speeds: membership.members.map(\.speed))
    }

    /// A member listens at `endpoint`, and has applied so many steps.
    mutating func handleBound(
        _ endpoint: String, applied: Int?, _ records: [StepRecord], by index: Int, _ training: inout TrainingLoop,
        _ transition: inout Transition
    ) {
        let peer = membership.members[index].peer
        guard case .connecting = phase, membership.members[index].endpoint == nil else {
            return sendAway(peer, "an endpoint that was not asked for", &training, &transition)
        }
        guard !endpoint.isEmpty || membership.members.count == 1 else {
            return sendAway(peer, "no endpoint for its peers", &training, &transition)
        }
        membership.members[index].endpoint = endpoint
        membership.members[index].applied = applied
        membership.members[index].records = records
        if membership.members.allSatisfy({ $0.endpoint != nil }) { chooseStep(&training, &transition) }
    }

    /// All members have reported where they stand: decides from which step the work goes on.
    private mutating func chooseStep(_ training: inout TrainingLoop, _ transition: inout Transition) {
        switch training.resumePoint(membership.members) {
        case nil: break
        case .checkpoint: phase = .awaitingCheckpoint
        case .disk(let effect): restore(effect, &transition)
        case .unknown(let error): end(.failure(error), &transition)
        case .step(let step):
            // A checkpoint may have been waited for, or the state read from disk, meanwhile.
            if case .connecting = phase {} else { phase = .connecting(Reachability()) }
            membership.nextStep = step
            training.connect(&membership.members, at: step, &transition)
        }
    }

    /// A state is read from disk, for the generation to begin with.
    mutating func restore(_ effect: CoordinatorEffect, _ transition: inout Transition) {
        phase = .restoring
        transition.perform(effect)
    }

    /// The state that no worker had has been read from disk.
    mutating func sourceLoaded(_ source: StateSource, _ training: inout TrainingLoop, _ transition: inout Transition) {
        guard case .restoring = phase else { return }
        if let phases = training.phases, phases.index != source.phase {
            return enterPhase(source, &training, &transition)
        }
        guard !membership.members.contains(where: \.isReady) else {
            // They are at the end of a phase, whose checkpoint cannot be read: it is written again.
            training.checkpointer.policy.forgetNewest()
            return formGeneration(&training, &transition)
        }
        training.checkpointer.transfer.source = source
        training.steps.restart(from: source.point)
        if membership.members.isEmpty {
            phase = .gathering(since: transition.now)
        } else {
            chooseStep(&training, &transition)
        }
    }

    /// A phase begins: all workers are sent its model, forget the one before, and load the state in a new generation.
    private mutating func enterPhase(
        _ source: StateSource, _ training: inout TrainingLoop, _ transition: inout Transition
    ) {
        training.enter(source, &transition)
        if training.endsAtOnce { phase = .working }
        guard !training.saveSource(source, &transition) else { return }
        if let welcome = training.phase?.welcome {
            for record in membership.all { transition.send(.welcome(welcome), to: record.peer) }
        }
        guard membership.count > 0 else { return phase = .gathering(since: transition.now) }
        formGeneration(&training, &transition)
    }

    /// The best state is there, to end the run with.
    mutating func bestLoaded(_ source: StateSource, _ training: inout TrainingLoop, _ transition: inout Transition) {
        guard case .restoring = phase, training.checkpointer.policy.bestRestore != nil else { return }
        training.checkpointer.bestLoaded(source)
        formGeneration(&training, &transition)
    }

    /// A checkpoint that may have been waited for is written, or could not be.
    mutating func checkpointEnded(_ training: inout TrainingLoop, _ transition: inout Transition) {
        if case .awaitingCheckpoint = phase { chooseStep(&training, &transition) }
    }

    /// A member has no connection to some of its peers; false where that is not what is waited for now.
    mutating func unreachable(_ failure: WorkerFailure, by member: WorkerRecord, _ transition: Transition) -> Bool {
        guard case .connecting(var reachability) = phase, let direction = Reachability.Direction(failure.phase) else {
            return false
        }
        reachability.report(by: member, direction, ranks: failure.peers, members: membership.members, transition.now)
        phase = .connecting(reachability)
        return true
    }

    /// Members have reported which peers they do not reach: leaves out those in the way, or ends the run.
    mutating func resolveUnreachable(_ training: inout TrainingLoop, _ transition: inout Transition) {
        guard case .connecting(let reachability) = phase, reachability.isDue(transition.now) else { return }
        let minimum = training.ending != nil ? 1 : settings.minWorkers
        switch reachability.resolve(
            members: membership.members, step: membership.nextStep, minimum: minimum, minWorkers: settings.minWorkers)
        {
        case .formGeneration: break
        case .fail(let error):
            guard membership.hasBegun else { return end(.failure(error), &transition) }
            training.checkpointer.policy.end(with: error)
        case .exclude(let leaving, let warnings):
            for warning in warnings { transition.warn(warning) }
            membership.exclude(leaving, &transition)
        }
        formGeneration(&training, &transition)
    }

    /// A member has the state, and is connected to all peers.
    mutating func handleReady(_ index: Int, _ training: inout TrainingLoop, _ transition: inout Transition) {
        guard case .connecting = phase, membership.members[index].endpoint != nil else {
            let peer = membership.members[index].peer
            return sendAway(peer, "the message that it is ready out of transition", &training, &transition)
        }
        membership.members[index].isReady = true
        beginWork(&training, &transition)
    }

    /// Begins to work, once all members are ready and the micro-batches of the steps to be recovered are there.
    mutating func beginWork(_ training: inout TrainingLoop, _ transition: inout Transition) {
        let step = membership.nextStep
        guard case .connecting = phase, !membership.members.isEmpty, membership.members.allSatisfy(\.isReady),
            training.checkpointer.policy.bestRestore != nil || training.steps.canRecover(to: step)
        else { return }
        phase = .working
        let isFirst = !membership.hasBegun
        if isFirst, settings.isResumed { transition.emit(.notice(membership.resumedFrom(step))) }
        training.goOn(from: step, &membership.members, mustRewind: isFirst && settings.isResumed, &transition)
        let completed = training.steps.completed
        if let best = training.checkpointer.policy.bestRestore?.best {
            let text = "the workers have the best state by validation, that of step \(best.step), to end with"
            transition.emit(.notice(text))
        } else if isFirst {
            membership.hasBegun = true
            transition.perform(.openRunDirectory)
            transition.emit(.training)
            training.steps.beginFirstStep(transition.now)
            training.checkpointer.policy.beginFirstStep(transition.now)
        } else {
            let (generation, workers) = (membership.shownGeneration, membership.members.count)
            transition.emit(.regrouped(generation: generation, workers: workers, step: completed))
        }
        training.claims.settle(completed: completed, members: membership.members, &transition)
        guard !transition.hasRequests else { return }
        transition.record(
            .generation, "generation \(membership.shownGeneration)",
            "\(plural(membership.members.count, "worker")) after step \(completed)")
        training.proceed(&membership, &transition)
    }

    private func activity(_ training: TrainingLoop) -> String {
        phase.activity(training, hasBegun: membership.hasBegun)
    }
}
