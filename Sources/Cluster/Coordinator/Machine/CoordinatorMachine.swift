/// The coordinator's decisions: a pure state machine, from events and the time to effects. It owns no socket, no
/// process, no file and no clock, so it can be tested, and simulated, without any.
///
/// It composes ``Rendezvous`` (how generations of workers come about: ``Membership``, ``LocalWorkerPolicy``,
/// ``Reachability``), ``FailureDetector``, ``TrainingLoop`` (what a generation does: ``StepScheduler``,
/// ``EvaluationScheduler``, ``Checkpointer``, ``ClaimVerifier``) and ``StatusReporter``. A part says what only the
/// whole can do, such as beginning a new generation, by a ``Transition/Request``.
struct CoordinatorMachine: Sendable {
    private(set) var rendezvous: Rendezvous
    private var detector: FailureDetector
    private(set) var training: TrainingLoop
    private var reporter: StatusReporter

    init(_ settings: CoordinatorSettings, now: Double) {
        var settings = settings
        settings.startedAt = now
        rendezvous = Rendezvous(settings)
        detector = FailureDetector(settings)
        training = TrainingLoop(settings)
        reporter = StatusReporter(settings)
    }

    var phase: CoordinatorPhase { rendezvous.phase }
    var membership: Membership { rendezvous.membership }

    /// How the run goes, as seen by this process at this time.
    func status(_ now: Double, process: RunStatus.Process) -> RunStatus {
        reporter.status(phase: phase.name(training), membership, training, process: process, now)
    }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: CoordinatorEvent, now: Double) -> [CoordinatorEffect] {
        guard !rendezvous.isEnded else { return [] }
        var transition = Transition(now: now, generation: rendezvous.membership.generation)
        handle(event, &transition)
        performRequests(&transition)
        for seconds in transition.stepSeconds { detector.stepCompleted(seconds: seconds) }
        reporter.observe(transition, step: training.steps.completed)
        return transition.effects
    }

    private mutating func handle(_ event: CoordinatorEvent, _ transition: inout Transition) {
        switch event {
        case .runLoaded(let plan):
            guard training.plan == nil else { break }
            training.begin(plan, &transition)
            transition.emit(.started(RunSummary(plan, training.settings)))
            rendezvous.runLoaded(plan, &training, &transition)
        case .loadingFailed(let error): rendezvous.end(.failure(error), &transition)
        case .message(let peer, let message): received(message, from: peer, &transition)
        case .rejected(let peer, let error): rejected(peer, error, &transition)
        case .revoked(let peer):
            transition.send(.refusal("the key of this worker was revoked"), to: peer)
            rendezvous.membership.forgetUnidentified(peer)
            rendezvous.lose(peer, why: "was sent away, as its key was revoked,", &training, &transition)
        case .childStarted(let number, let pid): rendezvous.childStarted(number, pid: pid, &training, &transition)
        case .childExited(let number, let pid, let why, let bySignal):
            rendezvous.childExited(number, pid: pid, why: why, bySignal: bySignal, &training, &transition)
        case .interrupt: rendezvous.handleInterrupt(&training, &transition)
        case .prefetched(let batches):
            training.prefetched(batches, &rendezvous.membership, &transition)
            rendezvous.beginWork(&training, &transition)
        case .foundOutputs(let id, let parts): training.found(id, parts, &rendezvous.membership, &transition)
        case .sourceLoaded(let source): rendezvous.sourceLoaded(source, &training, &transition)
        case .solved(let source, let reports, let seconds):
            rendezvous.sourceLoaded(source, &training, &transition)
            training.report(reports, seconds: seconds, &transition)
        case .sourceFailed(let reason): rendezvous.end(.failure(.failed(reason)), &transition)
        case .bestLoaded(let source): rendezvous.bestLoaded(source, &training, &transition)
        case .modelSaved(let path, let digest):
            training.modelSaved(path: path, digest: digest, rendezvous.membership, &transition)
        case .checkpointSaved(let path):
            training.checkpointSaved(path: path, &rendezvous.membership, &transition)
            performRequests(&transition)
            rendezvous.checkpointEnded(&training, &transition)
        case .saveFailed(let reason):
            training.saveFailed(reason, &rendezvous.membership, &transition)
            performRequests(&transition)
            rendezvous.checkpointEnded(&training, &transition)
        case .tick: tick(&transition)
        }
    }

    /// Whether a state that is read, or computed, is waited for: one that comes otherwise is of no use.
    var awaitsState: Bool { if case .restoring = rendezvous.phase { true } else { false } }

    /// Does what the parts have asked for.
    private mutating func performRequests(_ transition: inout Transition) {
        while !rendezvous.isEnded, let request = transition.nextRequest() {
            switch request {
            case .formGeneration: rendezvous.formGeneration(&training, &transition)
            case .sendAway(let peer, let what): rendezvous.sendAway(peer, what, &training, &transition)
            case .restore(let effect): rendezvous.restore(effect, &transition)
            case .end(let outcome): rendezvous.end(outcome, &transition)
            }
        }
    }

    // MARK: messages

    private mutating func received(_ message: WorkerMessage, from peer: PeerID, _ transition: inout Transition) {
        if case .statusRequest = message.body { return transition.perform(.sendStatus(peer)) }
        guard let index = rendezvous.membership.index(of: peer) else {
            return receivedFromOutside(message, peer, &transition)
        }
        rendezvous.membership.members[index].lastHeard = transition.now
        var isHeartbeat = false
        switch message.body {
        case .statusRequest: break
        case .hello:
            // It is in a generation of a coordinator that is no more: the next one must have a greater number.
            guard message.generation >= transition.generation, needsWorkers else { break }
            rendezvous.membership.reported(generation: message.generation)
            rendezvous.formGeneration(&training, &transition)
        case .heartbeat(let bytes):
            isHeartbeat = true
            rendezvous.membership.members[index].residentBytes = bytes
        case .failure(let failure):
            // A failure counts in any generation up to this one: its sender may have failed before it learned of this
            // one.
            workerFailed(index, failure, in: message.generation, applied: Int(clamping: message.step), &transition)
        case .bound, .ready, .stepReport, .evaluationReport, .digest, .chunk, .chunkRequest, .snapshotTaken:
            guard message.generation == transition.generation else { return }
            rendezvous.membership.members[index].owesSince = nil
            receivedInGeneration(message, index, &transition)
        }
        performRequests(&transition)
        if detector.refute(peer, isHeartbeat: isHeartbeat, transition), isDetecting {
            if case .failing = training.stage { return }
            rendezvous.formGeneration(&training, &transition)
        }
    }

    /// A message from a worker that is no member: one that is new, or was given up, or belongs to a coordinator that is
    /// no more.
    private mutating func receivedFromOutside(_ message: WorkerMessage, _ peer: PeerID, _ transition: inout Transition)
    {
        var residentBytes: UInt64?
        if case .heartbeat(let bytes) = message.body { residentBytes = bytes }
        if rendezvous.membership.recordContact(peer, residentBytes: residentBytes, transition.now) { return }
        guard case .hello(let worker, let runID, let hasState) = message.body else {
            if !rendezvous.membership.isUnidentified(peer) { transition.send(.helloRequest, to: peer) }
            return
        }
        rendezvous.membership.reported(generation: message.generation)
        let applied = hasState ? Int(clamping: message.step) : nil
        rendezvous.greeted(by: peer, worker, runID: runID, applied: applied, &training, &transition)
    }

    private mutating func receivedInGeneration(_ message: WorkerMessage, _ index: Int, _ transition: inout Transition) {
        let member = rendezvous.membership.members[index]
        switch message.body {
        case .bound(let endpoint, let hasState, let records):
            let applied = hasState ? Int(clamping: message.step) : nil
            rendezvous.handleBound(endpoint, applied: applied, records, by: index, &training, &transition)
        case .ready: rendezvous.handleReady(index, &training, &transition)
        case .stepReport(let report):
            if case .gathering = phase { break }
            training.stepReported(report, step: message.step, by: index, &rendezvous.membership, &transition)
        case .evaluationReport(let id, let parts):
            training.evaluationReported(id, parts, by: index, &rendezvous.membership, &transition)
        case .digest(let digest):
            training.digestReported(digest, step: message.step, by: index, &rendezvous.membership, &transition)
        case .chunkRequest(let part, let chunks):
            guard case .connecting = phase, member.mustLoad else {
                return transition.request(.sendAway(member.peer, what: "a request for the state out of transition"))
            }
            let members = rendezvous.membership.members.count
            let problem = training.checkpointer.transfer.request(
                part, chunks, by: member.peer, members: members, &transition)
            if let problem { transition.request(.sendAway(member.peer, what: problem)) }
        case .snapshotTaken:
            training.checkpointer.transfer.snapshotTaken(step: message.step, by: member.peer, &transition)
        case .chunk(let part, let index, let payload):
            training.chunkReceived(
                StateTransfer.Chunk(part: part, index: index), payload, step: message.step, from: member.peer,
                &rendezvous.membership, &transition)
        case .hello, .heartbeat, .failure, .statusRequest: break
        }
    }

    /// Bytes that are not a message.
    private mutating func rejected(_ peer: PeerID, _ error: ProtocolError, _ transition: inout Transition) {
        guard let version = error.otherVersion else {
            guard rendezvous.membership.record(of: peer) == nil else {
                return transition.request(.sendAway(peer, what: "\(error)"))
            }
            return transition.perform(.logSender(peer, "an unknown sender sent \(error)"))
        }
        let text =
            "a worker speaks version \(version) of the control protocol, the coordinator version "
            + "\(Preamble.version): install the same shoal on both"
        transition.send(.refusal(text), to: peer)
        transition.perform(.logSender(peer, text))
        if training.settings.local { rendezvous.end(.failure(.failed(text)), &transition) }
    }

    // MARK: failures

    /// A member says that it cannot go on.
    private mutating func workerFailed(
        _ index: Int, _ failure: WorkerFailure, in generation: UInt64, applied: Int, _ transition: inout Transition
    ) {
        let members = rendezvous.membership.members
        let member = members[index]
        let isCurrent = generation == transition.generation && needsWorkers
        switch failure.kind {
        case .fatal, .order: rendezvous.failed(member, failure, &training, &transition)
        case .nonFinite:
            // One that comes from a former generation, or at any other time, will come again with the step.
            guard isCurrent else { return }
            let isTaken = training.claimed(
                failure, step: applied, by: member, laterSeconds: detector.stallLimit, members, &transition)
            if isTaken { detector.dropSuspicion() }
        case .peer:
            if case .failing = training.stage {
                return training.failedToo(member.peer, isLost: false, members, &transition)
            }
            guard isCurrent, isDetecting, !rendezvous.unreachable(failure, by: member, transition) else { return }
            let isTraining = if case .training = training.stage { true } else { false }
            switch detector.reportUnreachable(
                by: member, ranks: failure.peers, members: members,
                waited: isTraining ? transition.now - training.steps.lastStepAt : nil, &transition)
            {
            case .wait: break
            case .refuted: rendezvous.formGeneration(&training, &transition)
            case .confirmFailed(let failed): lose([failed], &transition)
            }
        }
    }

    private mutating func lose(_ failed: [FailureDetector.Failed], _ transition: inout Transition) {
        for failed in failed where rendezvous.membership.record(of: failed.peer) != nil {
            if failed.isStall {
                // If it can still read, it ends; otherwise it must not come back by a greeting.
                let text = "it \(failed.why), while others waited for it; start it again"
                transition.send(.refusal(text), to: failed.peer)
            }
            rendezvous.lose(failed.peer, why: failed.why, &training, &transition)
            performRequests(&transition)
        }
    }

    /// Whether the loss of a worker matters still.
    private var needsWorkers: Bool { rendezvous.needsWorkers(training) }

    /// Whether members that do not reach each other are of concern: not between generations.
    private var isDetecting: Bool {
        switch phase {
        case .connecting, .working: needsWorkers
        case .gathering, .awaitingCheckpoint, .restoring, .ended: false
        }
    }

    // MARK: time

    private mutating func tick(_ transition: inout Transition) {
        rendezvous.membership.extendDeadlines(by: detector.suspendedSeconds(transition.now))
        if detector.isHeartbeatDue(transition.now) {
            for record in rendezvous.membership.all { transition.send(.heartbeat(wantsReply: false), to: record.peer) }
        }
        rendezvous.joinUnidentified(&training, &transition)
        guard needsWorkers else { return }
        rendezvous.localWorkers.startDue(&transition)
        lose(detector.silent(among: rendezvous.membership.all, transition.now), &transition)
        rendezvous.localWorkers.killDue(&transition)
        lose(detector.confirmFailed(waited: transition.now - training.steps.lastStepAt, transition), &transition)
        if needsWorkers {
            let owing = rendezvous.membership.members.map(owes)
            lose(detector.stalled(among: &rendezvous.membership.members, owing: owing, transition.now), &transition)
        }
        rendezvous.resolveUnreachable(&training, &transition)
        rendezvous.tick(&training, &transition)
        training.tick(&rendezvous.membership, &transition)
    }

    /// Whether the next thing to happen is for this member to do.
    private func owes(_ member: WorkerRecord) -> Bool {
        switch phase {
        case .connecting:
            guard rendezvous.membership.members.allSatisfy({ $0.endpoint != nil }) else {
                return member.endpoint == nil
            }
            return training.checkpointer.transfer.owes(member)
        case .working: return training.owes(member)
        case .gathering, .awaitingCheckpoint, .restoring, .ended: return false
        }
    }
}
