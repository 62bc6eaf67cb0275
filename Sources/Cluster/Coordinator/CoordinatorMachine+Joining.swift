import Support
import Training

/// How workers come, and come back.
extension CoordinatorMachine {
    mutating func prepared(_ preparation: RunPlan, _ now: Double) {
        guard self.preparation == nil else { return }
        self.preparation = preparation
        history = preparation.history
        source = preparation.source
        progress.completed = preparation.history.end
        progress.issued = progress.completed
        progress.lastStepAt = now
        remaining = RemainingTime(
            totalSteps: preparation.totalSteps, stepsPerEpoch: preparation.plan.stepsPerEpoch,
            validationExamples: preparation.validation?.count ?? 0, testExamples: preparation.test?.count ?? 0)
        checkpoints.lastStep = preparation.source.step
        best = preparation.best
        if let path = preparation.checkpoint { (checkpoints.path, checkpoints.pathStep) = (path, source?.step ?? 0) }
        perform(
            .emit(
                .started(
                    RunSummary(
                        examples: preparation.training.count, labels: preparation.labels,
                        parameters: preparation.parameters, totalSteps: preparation.totalSteps,
                        stepsPerEpoch: preparation.plan.stepsPerEpoch, workers: settings.workers,
                        endpoint: preparation.endpoint, output: preparation.output,
                        isResumed: settings.isResumed, keys: settings.keys,
                        remediesForWaiting: settings.remediesForWaiting,
                        validationExamples: preparation.validation?.count ?? 0,
                        testExamples: preparation.test?.count ?? 0))))
        for member in waiting { send(member.peer, .welcome(preparation.welcome)) }
        formIfComplete(now)
    }

    mutating func childStarted(_ number: Int, pid: Int, _ now: Double) {
        children[number] = pid
        if let (peer, newcomer) = unmatched.first(where: { $0.value.worker.pid == pid }) {
            unmatched[peer] = nil
            join(newcomer.worker, number: number, applied: nil, peer: peer, now)
        }
    }

    mutating func childExited(_ number: Int, pid: Int, why: String, bySignal: Bool, _ now: Double) {
        children[number] = nil
        hung[number] = nil
        guard needsWorkers else { return }
        let member = (members + waiting).first { $0.number == number && $0.worker.pid == pid }
        let name = member?.name ?? "worker \(number) (pid \(pid))"
        if !hasBegun, !bySignal, !settings.isResumed {
            // Before anything has worked, a worker that ends by itself will do so again.
            end(.failure(.workerLost("\(name) \(why) \(activity)")))
            return
        }
        if Self.isOwnFailure(why, bySignal: bySignal),
            failures.add(why, process: pid, worker: number, at: progress.completed)
        {
            endRepeated("\(name) \(why) \(activity)")
            return
        }
        if let member {
            lose(member.peer, why: why, now)
        } else {
            record(.lost, name, why)
            // One that ends by itself may do so again and again.
            replace(number, now, after: bySignal ? 0 : 1)
            endIfDeserted("\(name) \(why)", now)
        }
    }

    /// A greeting.
    mutating func hello(
        _ worker: WorkerDescription, runID: String, applied: Int?, from peer: PeerID, _ now: Double
    ) {
        if let preparation, !runID.isEmpty, runID != preparation.welcome.runID {
            send(peer, .refusal("it worked for another run; start it again"))
            perform(.logSender(peer, "a worker of another run (pid \(worker.pid) on \(worker.host)) was sent away"))
            return
        }
        // A child is always let in: it takes the place of one that is gone, though perhaps nobody knows that yet.
        let child = children.first { $0.value == worker.pid }?.key
        guard
            child != nil || settings.local && runID.isEmpty && unmatched.count < settings.workers
                || members.count + waiting.count < settings.maxWorkers
        else {
            send(peer, .refusal("the run has all the workers that it has work for (\(settings.maxWorkers))"))
            perform(.logSender(peer, "a worker too many (pid \(worker.pid) on \(worker.host)) was sent away"))
            return
        }
        if let number = child {
            hung[number] = nil
            join(worker, number: number, applied: applied, peer: peer, now)
        } else if settings.local, runID.isEmpty {
            // Perhaps a child whose process id is not known yet.
            unmatched[peer] = (worker, now)
        } else {
            join(worker, number: freeNumber(isReturning: !runID.isEmpty), applied: applied, peer: peer, now)
        }
    }

    /// The lowest number that nobody has. Those of children are for children, and for workers that come back.
    func freeNumber(isReturning: Bool) -> Int {
        let taken = Set((members + waiting).map(\.number)).union(children.keys)
        var number = settings.local && !isReturning ? settings.workers : 0
        while taken.contains(number) { number += 1 }
        return number
    }

    mutating func join(_ worker: WorkerDescription, number: Int, applied: Int?, peer: PeerID, _ now: Double) {
        guard !(members + waiting).contains(where: { $0.number == number }) else {
            // Its predecessor at this place is not known to be gone yet.
            unmatched[peer] = (worker, now)
            return
        }
        if let first = members.first ?? waiting.first,
            first.worker.products(in: settings.precision) != worker.products(in: settings.precision)
        {
            perform(
                .emit(
                    .warning(
                        "worker \(number) on \(worker.host) computes with \(worker.instructionSet), worker "
                            + "\(first.number) with \(first.worker.instructionSet): the weights will not have the same "
                            + "bits as those of a run on one kind of processor")))
        }
        var member = Member(peer: peer, number: number, worker: worker, lastHeard: now)
        member.applied = applied
        waiting.append(member)
        record(.joined, member.name, applied.map { "with the state after step \($0)" } ?? "")
        perform(
            .emit(
                .workerJoined(
                    WorkerSummary(
                        name: member.name, host: worker.host, pid: worker.pid, threads: worker.threads,
                        cpu: worker.cpu, instructionSet: worker.instructionSet),
                    joined: members.count + waiting.count,
                    expected: max(settings.workers, members.count + waiting.count))))
        if let preparation { send(peer, .welcome(preparation.welcome)) }
        switch phase {
        case .gathering: formIfComplete(now)
        case .training:
            wantsGeneration = true
            if progress.flights.isEmpty { formGeneration(now) }
        case .evaluating: formGeneration(now)
        default: wantsGeneration = true
        }
    }

    /// The workers that must be there for the work to begin, or to go on.
    private func needed(_ waited: Double) -> Int {
        if ending != nil { return 1 }
        if hasBegun || settings.isResumed && waited > settings.returnSeconds { return settings.minWorkers }
        return expectedWorkers
    }

    /// The workers that the run begins with.
    var expectedWorkers: Int { max(settings.minWorkers, settings.workers - leftOut) }

    mutating func formIfComplete(_ now: Double) {
        guard case .gathering(let since) = phase, preparation != nil, !(members + waiting).isEmpty,
            members.count + waiting.count >= needed(now - since), !awaitsReturn(now - since)
        else { return }
        formGeneration(now)
    }

    /// Whether a worker may come back yet that is further than those that are there: a coordinator before this one has
    /// seen steps that are in no checkpoint.
    private func awaitsReturn(_ waited: Double) -> Bool {
        guard settings.isResumed, !hasBegun, waited < Self.greetingSeconds, let history, let source else {
            return false
        }
        let newest = (members + waiting).compactMap(\.applied).max() ?? 0
        return max(newest, source.step) < history.end
    }

    /// Within which a worker that lives and can reach this coordinator has greeted it: twice the longest time between
    /// two of its signs of life, and some.
    private static var greetingSeconds: Double { 2.5 }

    /// So many seconds have been waited for workers.
    mutating func waited(_ seconds: Double, _ now: Double) {
        if settings.isResumed, settings.local, preparation != nil, seconds > settings.returnSeconds {
            // Who has not come back by now is not coming.
            let there = Set((members + waiting).map(\.number))
            for number in 0..<settings.workers where !there.contains(number) && children[number] == nil {
                replace(number, now)
            }
        }
        formIfComplete(now)
        if case .gathering = phase, seconds > settings.joinTimeout { joinTimedOut(now) }
    }

    /// By which command workers are started, as a clause.
    private func howToStart(_ which: String) -> String {
        let endpoint = preparation?.endpoint ?? ""
        let command = CommandName.line("worker", "--coordinator", endpoint.isEmpty ? "ENDPOINT" : endpoint)
        return "start \(which) with `\(command)`"
    }

    mutating func joinTimedOut(_ now: Double) {
        let seconds = Int(settings.joinTimeout)
        let there = members.count + waiting.count
        if hasBegun {
            finishWith(
                .workerLost(
                    "only \(there) of at least \(plural(settings.minWorkers, "worker")) \(there == 1 ? "was" : "were") "
                        + "there for \(seconds) s; \(howToStart("others")), or go on with fewer: "
                        + "\(CommandName.line("resume", preparation?.output ?? "RUN")) --min-workers \(max(1, there))"),
                now)
        } else if there < settings.workers {
            end(
                .failure(
                    .failed(
                        "\(there) of \(plural(settings.workers, "worker")) joined within \(seconds) s; "
                            + "\(howToStart("the others")), or wait longer with --join-timeout")))
        } else {
            let late = members.filter { !$0.isReady }.map(\.name).joined(separator: ", ")
            end(.failure(.workerLost("not ready within \(seconds) s: \(late)")))
        }
    }
}
