import Training

/// How memberships change.
extension CoordinatorMachine {
    /// A worker is gone, or as good as gone: the others go on without it.
    mutating func lose(_ peer: PeerID, why: String, _ now: Double) {
        let wasWaiting = waiting.firstIndex { $0.peer == peer }
        guard let member = wasWaiting.map({ waiting[$0] }) ?? index(of: peer).map({ members[$0] }) else { return }
        let activity = activity
        waiting.removeAll { $0.peer == peer }
        members.removeAll { $0.peer == peer }
        record(.lost, member.name, "\(why) \(activity)")
        perform(.emit(.workerLost("\(member.name) \(why) \(activity)", left: members.count + waiting.count)))
        if children[member.number] == member.worker.pid {
            hung[member.number] = member.lastHeard + settings.heartbeatTimeout
        } else {
            replace(member.number, now)
        }
        endIfDeserted("\(member.name) \(why) \(activity)", now)
        guard needsWorkers, wasWaiting == nil else { return }
        switch phase {
        case .gathering: break
        case .failing(var failing):
            failing.reported.remove(peer)
            phase = .failing(failing)
            endIfAllReported(failing, now)
        default: formGeneration(now)
        }
    }

    /// Starts a worker in the place of one that is gone.
    mutating func replace(_ number: Int, _ now: Double, after seconds: Double = 0) {
        guard settings.local, number < settings.workers, ending == nil, restarts < settings.maxRestarts,
            children[number] == nil
        else { return }
        restarts += 1
        // Until its process id is known.
        children[number] = 0
        perform(
            .emit(.warning("worker \(number) is started again (\(restarts) of at most \(settings.maxRestarts) times)")))
        if seconds > 0 { starts[number] = now + seconds } else { perform(.startWorker(number)) }
    }

    /// Where nobody is left, and nobody will come: starts workers again, or ends the run.
    mutating func endIfDeserted(_ why: String, _ now: Double) {
        guard needsWorkers, settings.local, members.isEmpty, waiting.isEmpty, unmatched.isEmpty, children.isEmpty
        else { return }
        for number in 0..<settings.workers { replace(number, now) }
        guard children.isEmpty else { return }
        if let ending {
            endKept(ending)
            return
        }
        end(.failure(.workerLost("\(why); no worker is left, and --max-restarts \(settings.maxRestarts) is used up")))
    }

    /// Begins a generation with those that are there; whatever was under way is given up, or taken up again later.
    mutating func formGeneration(_ now: Double) {
        guard preparation != nil else { return }
        suspend()
        members += waiting
        waiting.removeAll()
        members.sort { $0.number < $1.number }
        dealDoubt()
        wantsGeneration = false
        suspicion = nil
        unreachable = nil
        for rank in members.indices {
            members[rank].rank = rank
            members[rank].endpoint = nil
            members[rank].isReady = false
            members[rank].mustLoad = false
            members[rank].digest = nil
            members[rank].owesSince = nil
        }
        if members.isEmpty, let ending {
            // Nobody has what was to be kept.
            endKept(ending)
            return
        }
        let minimum =
            ending != nil ? 1 : hasBegun || settings.isResumed ? settings.minWorkers : expectedWorkers
        guard members.count >= max(1, minimum) else {
            broadcast(.abandon("waiting for more workers"))
            // What they say still belongs to a generation that is no more.
            generation += 1
            if hasBegun {
                perform(.emit(.waiting(workers: members.count, needed: settings.minWorkers)))
            }
            phase = .gathering(since: now)
            return
        }
        guard idleGenerations < 50 else {
            end(.failure(.failed("the workers cannot work together: \(idleGenerations) attempts without a step")))
            return
        }
        idleGenerations += 1
        generation = max(generation, newestGeneration) + 1
        phase = .connecting
        balancer = Balancer(isEnabled: settings.balances, speeds: members.map(\.speed))
        // All have one, or none has: the coordinator's keys let in only workers with keys.
        let keys = members.compactMap(\.worker.dataKey)
        for member in members {
            send(
                member.peer,
                .membership(
                    rank: member.rank, worldSize: members.count, keys: keys.count == members.count ? keys : []))
        }
    }

    /// Puts aside what the members were doing.
    private mutating func suspend() {
        for (rank, speed) in balancer.speeds.enumerated() {
            // Who was lost is not among the members any more; ranks are those of the generation that ends.
            if let at = members.firstIndex(where: { $0.rank == rank && $0.endpoint != nil }) {
                members[at].speed = speed
            }
        }
        progress.flights.removeAll()
        progress.partition = []
        progress.issued = progress.completed
        if case .evaluating(let job) = phase { progress.evaluation = job.withoutOrders() }
        fetch = nil
        relay = Relay()
    }

    mutating func bound(_ endpoint: String, applied: Int?, _ records: [StepRecord], _ index: Int, _ now: Double) {
        guard case .connecting = phase, members[index].endpoint == nil else {
            violation(index, "an endpoint that nobody asked for", now)
            return
        }
        guard !endpoint.isEmpty || members.count == 1 else {
            violation(index, "no endpoint for its peers", now)
            return
        }
        members[index].endpoint = endpoint
        members[index].applied = applied
        members[index].records = records
        if members.allSatisfy({ $0.endpoint != nil }) { chooseStep(now) }
    }

    /// Everyone has told where it stands: decides from which step the work goes on.
    private mutating func chooseStep(_ now: Double) {
        guard let source, let preparation else { return }
        if let finale {
            chooseBest(finale, now)
            return
        }
        let candidates = Set(members.compactMap(\.applied)).sorted(by: >)
        let furthest = candidates.first {
            $0 > source.step && $0 <= preparation.totalSteps && canGoOn(from: $0)
        }
        if let writing, writing.purpose == .periodic || writing.purpose == .best,
            writing.point.step > furthest ?? source.step
        {
            // To go back behind a checkpoint would be to lose steps, and lines of the log that belong to it.
            phase = .awaitingCheckpoint
            return
        }
        if let furthest {
            connect(at: furthest, now)
            return
        }
        if source.parts.isEmpty, !members.contains(where: { $0.applied == source.step }) {
            phase = .restoring
            perform(.loadSource)
        } else if canGoOn(from: source.step) {
            connect(at: source.step, now)
        } else {
            end(.failure(.failed("nothing is known of step \(source.step), where the work should go on")))
        }
    }

    /// The checkpoint that was waited for is written, or could not be.
    mutating func checkpointEnded(_ now: Double) {
        guard case .awaitingCheckpoint = phase else { return }
        chooseStep(now)
    }

    mutating func sourceLoaded(_ source: StateSource, _ now: Double) {
        guard case .restoring = phase, let preparation, let history else { return }
        self.source = source
        if history.base.step != source.step {
            // An older one than that which was thought to be there.
            self.history = RunHistory(
                base: source.point, stepsPerEpoch: preparation.plan.stepsPerEpoch,
                totalSteps: preparation.totalSteps, hasValidation: preparation.validation != nil)
        }
        guard !members.isEmpty else {
            phase = .gathering(since: now)
            return
        }
        chooseStep(now)
    }

    /// What a worker at `step` can tell of the steps before it.
    private func records(at step: Int) -> [StepRecord] { members.first { $0.applied == step }?.records ?? [] }

    /// Whether enough is known of the run to go on from `step`.
    private func canGoOn(from step: Int) -> Bool {
        guard let history else { return false }
        guard step > history.end else { return history.point(at: step) != nil }
        let records = records(at: step)
        return history.canAdd(upTo: step)
            && (history.end..<step).allSatisfy { step in records.contains { $0.step == UInt64(step) } }
    }

    /// Brings what is known of the run to `step`, from which the work goes on now.
    private mutating func goOn(from step: Int, _ now: Double) {
        guard var history, let preparation else { return }
        let records = records(at: step)
        // What a coordinator that is no more had written may reach further than the workers do.
        if step < max(history.end, progress.completed) || !hasBegun && settings.isResumed {
            if step <= history.end {
                _ = history.rewind(to: step)
                self.history = history
            }
            perform(.rewindMetrics(step: step))
            if step < progress.completed { perform(.emit(.wentBack(from: progress.completed, to: step))) }
            progress.evaluation = nil
            test = nil
            // A better one may come again, on the way that is taken again.
            if let best, best.step > step { self.best = nil }
        }
        // The workers may be ahead: their reports got lost, but every one of them can tell what the steps gave.
        for record in records where record.step >= UInt64(history.end) && record.step < UInt64(step) {
            recover(record, preparation, now)
        }
        progress.completed = step
        progress.issued = step
    }

    /// Everyone shall connect to everyone; those behind get the state from one that is not, or else from here.
    mutating func connect(at step: Int, _ now: Double) {
        guard let source, let preparation else { return }
        // The state may have been read from disk, or a checkpoint waited for, meanwhile: from now on members ask for
        // it.
        phase = .connecting
        nextStep = step
        let donor = members.first { $0.applied == step }
        let parts: [PartToLoad] =
            donor == nil ? source.parts : preparation.stateParts.map { PartToLoad(part: $0, sha256: nil) }
        let endpoints = members.compactMap(\.endpoint)
        var lacks = false
        for i in members.indices {
            members[i].mustLoad = members[i].applied != step
            lacks = lacks || members[i].mustLoad
            send(members[i].peer, .peers(endpoints, load: members[i].mustLoad ? parts : []), step: step)
        }
        if let donor, lacks {
            relay = Relay(donor: donor.peer, step: step)
            send(donor.peer, .snapshotRequest(preparation.stateParts), step: step)
        }
    }

    /// Where a run that is resumed really goes on.
    private func resumedFrom(_ step: Int) -> String {
        guard step > 0 else { return "beginning anew: neither a checkpoint nor a worker's state was found" }
        return "going on after step \(step), "
            + (members.contains { $0.applied == step }
                ? "with the state of the workers that live still" : "with the state of the checkpoint")
    }

    mutating func ready(_ index: Int, _ now: Double) {
        guard case .connecting = phase, members[index].endpoint != nil else {
            violation(index, "the message that it is ready out of turn", now)
            return
        }
        members[index].isReady = true
        guard members.allSatisfy(\.isReady) else { return }
        if !hasBegun, settings.isResumed { perform(.emit(.notice(resumedFrom(nextStep)))) }
        if finale == nil { goOn(from: nextStep, now) }
        for i in members.indices { members[i].applied = nextStep }
        if let donor = relay.donor { send(donor, .snapshotRelease) }
        relay = Relay()
        if let source, source.step > 0, !source.parts.isEmpty {
            // It is on the disk, should it ever be needed again.
            perform(.releaseSource)
            self.source?.parts = []
            finale?.source?.parts = []
        }
        if let finale {
            perform(
                .emit(
                    .notice(
                        "the workers have the best state by validation, that of step \(finale.best.step), to end with"))
            )
        } else if hasBegun {
            perform(.emit(.regrouped(generation: shownGeneration, workers: members.count, step: progress.completed)))
        } else {
            hasBegun = true
            perform(.openRunDirectory)
            perform(.emit(.training))
            progress.firstStepAt = now
            checkpoints.lastAt = now
        }
        let formed = generation
        settleDoubt(now)
        guard generation == formed else { return }
        let workers = members.count == 1 ? "1 worker" : "\(members.count) workers"
        record(.generation, "generation \(shownGeneration)", "\(workers) after step \(progress.completed)")
        continueRun(now)
    }
}
