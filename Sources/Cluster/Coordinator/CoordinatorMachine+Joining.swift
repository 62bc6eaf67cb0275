import Training

/// How workers come together.
extension CoordinatorMachine {
    mutating func prepared(_ preparation: Preparation, _ now: Double) {
        guard self.preparation == nil else { return }
        self.preparation = preparation
        perform(
            .emit(
                .started(
                    RunSummary(
                        examples: preparation.training.count, labels: preparation.labels,
                        parameters: preparation.parameters, totalSteps: preparation.totalSteps,
                        stepsPerEpoch: preparation.plan.stepsPerEpoch, workers: settings.workers,
                        endpoint: preparation.endpoint, output: preparation.output))))
        broadcast(.welcome(preparation.welcome))
        formGenerationIfComplete()
    }

    mutating func childStarted(_ number: Int, pid: Int, _ now: Double) {
        children[number] = pid
        if let (peer, worker) = unmatched.first(where: { $0.value.pid == pid }) {
            unmatched[peer] = nil
            join(worker, number: number, peer: peer, now)
        }
    }

    mutating func childExited(_ number: Int, pid: Int, why: String) {
        children[number] = nil
        guard needsWorkers else { return }
        let name = members.first { $0.rank == number }?.name ?? "worker \(number) (pid \(pid))"
        end(.failure(.workerLost("\(name) \(why) \(activity)")))
    }

    mutating func hello(_ worker: WorkerDescription, from peer: PeerID, _ now: Double) {
        guard case .gathering = phase, members.count < settings.workers else {
            send(peer, .refusal("the run has all its \(settings.workers) workers"))
            perform(.logSender(peer, "a worker too many (pid \(worker.pid) on \(worker.host)) was sent away"))
            return
        }
        guard settings.local else {
            join(worker, number: members.count, peer: peer, now)
            return
        }
        // Only children are let in; the news of their process ids may come later than they do.
        if let number = children.first(where: { $0.value == worker.pid })?.key {
            join(worker, number: number, peer: peer, now)
        } else if unmatched.count < settings.workers {
            unmatched[peer] = worker
        }
    }

    private mutating func join(_ worker: WorkerDescription, number: Int, peer: PeerID, _ now: Double) {
        guard !members.contains(where: { $0.rank == number }) else { return }
        if let first = members.first, first.worker.instructionSet != worker.instructionSet {
            perform(
                .emit(
                    .warning(
                        "worker \(number) on \(worker.host) computes with \(worker.instructionSet), worker "
                            + "\(first.rank) with \(first.worker.instructionSet): the weights will not have the same "
                            + "bits as those of a run on one kind of processor")))
        }
        let member = Member(peer: peer, rank: number, worker: worker, lastHeard: now)
        members.append(member)
        members.sort { $0.rank < $1.rank }
        perform(
            .emit(
                .workerJoined(
                    WorkerSummary(
                        name: member.name, host: worker.host, pid: worker.pid, threads: worker.threads,
                        cpu: worker.cpu, instructionSet: worker.instructionSet), joined: members.count,
                    expected: settings.workers)))
        if let preparation { send(peer, .welcome(preparation.welcome)) }
        formGenerationIfComplete()
    }

    /// Numbers the membership and tells everyone's place in it.
    private mutating func formGenerationIfComplete() {
        guard case .gathering = phase, preparation != nil, members.count == settings.workers else { return }
        generation += 1
        phase = .connecting
        for member in members { send(member.peer, .membership(rank: member.rank, worldSize: members.count)) }
    }

    mutating func bound(_ endpoint: String, _ index: Int) {
        guard case .connecting = phase, members[index].endpoint == nil else {
            violation(index, "an endpoint that nobody asked for")
            return
        }
        members[index].endpoint = endpoint
        let endpoints = members.compactMap(\.endpoint)
        if endpoints.count == members.count { broadcast(.peers(endpoints)) }
    }

    mutating func ready(_ index: Int, _ now: Double) {
        guard case .connecting = phase, members[index].endpoint != nil else {
            violation(index, "the message that it is ready out of turn")
            return
        }
        members[index].isReady = true
        guard members.allSatisfy(\.isReady) else { return }
        perform(.openRunDirectory)
        perform(.emit(.training))
        progress.firstStepAt = now
        startTraining(now)
    }

    mutating func chunkRequest(_ chunks: Range<Int>, _ index: Int) {
        guard let preparation else {
            violation(index, "a request for weights before it was welcome")
            return
        }
        let count = ChunkMap(floats: preparation.welcome.weightCount).count
        guard chunks.upperBound <= count else {
            violation(index, "a request for chunk \(chunks.upperBound - 1) of \(count)")
            return
        }
        perform(.sendWeights(members[index].peer, chunks))
    }

    mutating func joinTimedOut() {
        let seconds = Int(settings.joinTimeout)
        if members.count < settings.workers {
            end(
                .failure(
                    .failed(
                        "\(members.count) of \(settings.workers) workers joined within \(seconds) s; start the others "
                            + "with shoal worker --coordinator, or wait longer with --join-timeout")))
        } else {
            let late = members.filter { !$0.isReady }.map(\.name).joined(separator: ", ")
            end(.failure(.workerLost("not ready within \(seconds) s: \(late)")))
        }
    }
}
