import Foundation

/// What a worker does within a generation: it assembles, carries out orders, and reports what came of them.
extension WorkerMachine {
    /// A message that belongs to the generation that this worker has a place in.
    mutating func receivedInGeneration(_ message: CoordinatorMessage) {
        guard let world = membership.world else {
            fail(.order, "joining", "an order before this worker had a place in a generation")
            return
        }
        let generation = world.generation
        switch message.body {
        case .peers(let endpoints, let load): assemble(world, endpoints, load, nextStep: message.step)
        case .chunk(let part, let index, let payload): chunk(part, index, payload)
        case .step(let order): ordered(order, step: message.step)
        case .evaluate(let id, let batches):
            switch membership {
            case .ready: perform(.compute(.evaluate(generation: generation, id: id, batches)))
            case .failed: break
            case .none, .joining, .assembling: fail(.order, "evaluation", "an order before this worker was ready")
            }
        case .digestRequest:
            if case .failed = membership { return }
            perform(.compute(.digest(generation: generation)))
        case .snapshotRequest(let parts):
            // Possible after a failure too: the state before the step that failed is kept.
            perform(.compute(.snapshot(generation: generation, step: message.step, parts)))
        case .stateRequest(let part, let index):
            guard let snapshot = held.snapshot, snapshot.step == message.step, snapshot.contains(part, index) else {
                fail(.order, "saving", "a chunk was asked for that is not there: \(index) after \(message.step) steps")
                return
            }
            perform(.sendChunk(snapshot, part, index: index, generation: generation))
        case .snapshotRelease: held.snapshot = nil
        case .abandon(let reason):
            enter(.failed(world, membership.assembly))
            perform(.abandon(reason))
        default: break
        }
    }

    // MARK: assembling

    private mutating func assemble(
        _ world: World, _ endpoints: [String], _ load: [PartToLoad], nextStep: UInt64
    ) {
        guard endpoints.count == world.size else {
            fail(.order, "connecting", "\(endpoints.count) peers in a world of \(world.size)")
            return
        }
        guard case .welcomed(let welcome, .joining) = state else {
            // After a failure, another generation is to come.
            if case .failed = membership { return }
            fail(.order, "connecting", "the addresses of the peers came twice")
            return
        }
        perform(.compute(.connect(generation: world.generation, endpoints)))
        var assembly = Assembly(nextStep: nextStep)
        guard !load.isEmpty else {
            enter(.assembling(world, assembly))
            guard held.isWhole, held.appliedSteps == nextStep else {
                fail(.order, "joining", "step \(nextStep + 1) is next, but this worker has no state for it")
                return
            }
            return
        }
        held.beginLoading()
        perform(.compute(.beginLoad))
        var receiver = StateReceiver(step: nextStep, parts: load, floats: welcome.weightCount)
        let requests = receiver.takeRequests()
        assembly.receiver = receiver
        enter(.assembling(world, assembly))
        for request in requests { send(.chunkRequest(request.part, request.chunks)) }
    }

    private mutating func chunk(_ part: StatePart, _ index: Int, _ payload: Data) {
        guard let world = membership.world, var receiver = membership.assembly?.receiver,
            receiver.accept(part, chunk: index, bytes: payload.count)
        else {
            fail(.order, "loading", "a chunk of the state came that was not asked for")
            return
        }
        let requests = receiver.takeRequests()
        changeAssembly { $0.receiver = receiver }
        perform(.compute(.store(part, chunk: index, payload)))
        for request in requests { send(.chunkRequest(request.part, request.chunks)) }
        if receiver.isComplete {
            perform(.compute(.finishLoad(generation: world.generation, step: receiver.step, receiver.parts)))
        }
    }

    private mutating func changeAssembly(_ change: (inout Assembly) -> Void) {
        switch membership {
        case .assembling(let world, var assembly):
            change(&assembly)
            enter(.assembling(world, assembly))
        case .failed(let world, var assembly?):
            change(&assembly)
            enter(.failed(world, assembly))
        case .none, .joining, .ready, .failed(_, nil): break
        }
    }

    private mutating func readyIfComplete() {
        guard case .assembling(let world, let assembly) = membership, assembly.isConnected, assembly.receiver == nil,
            held.isWhole, held.appliedSteps == assembly.nextStep
        else { return }
        enter(.ready(world, OrderSequence(next: assembly.nextStep)))
        log(journal.joined(rank: world.rank, size: world.size, step: held.appliedSteps))
        send(.ready)
    }

    // MARK: orders

    private mutating func ordered(_ order: StepOrder, step: UInt64) {
        switch membership {
        case .ready(let world, var orders):
            guard orders.accept(order, step: step, rank: world.rank, size: world.size) else {
                fail(.order, "step \(step + 1)", "an order that does not fit: expected step \(orders.next + 1)")
                return
            }
            enter(.ready(world, orders))
            perform(.compute(.step(generation: world.generation, step: step, order)))
        // What was ordered before the coordinator knew is not carried out.
        case .failed: break
        case .none, .joining, .assembling: fail(.order, "step \(step + 1)", "an order before this worker was ready")
        }
    }

    // MARK: results

    /// Takes in what came of a job.
    mutating func finished(_ result: ComputeResult) {
        switch result {
        case .prepared: held.replicaReplaced()
        case .loaded(let generation, let step):
            // Whatever the coordinator decided meanwhile, this is what the replica holds now.
            held.loaded(step: step)
            guard generation == self.generation else { return }
            changeAssembly { $0.receiver = nil }
            readyIfComplete()
        case .bound(let generation, let endpoint):
            guard generation == self.generation else { return }
            let records = held.isWhole ? Array(held.records) : []
            send(.bound(endpoint: endpoint, hasState: held.isWhole, records: records))
        case .connected(let generation):
            guard generation == self.generation else { return }
            changeAssembly { $0.isConnected = true }
            readyIfComplete()
        case .stepped(let generation, let step, let report):
            held.stepped(step, report)
            journal.stepped(step + 1)
            if generation == self.generation { send(.stepReport(report), step: step) }
        case .evaluated(let generation, let id, let parts):
            journal.evaluated(examples: parts.reduce(0) { $0 + $1.losses.count })
            if generation == self.generation { send(.evaluationReport(id: id, parts.map(MicroBatchMetrics.init))) }
        case .digest(let generation, let digest):
            if generation == self.generation { send(.digest(digest)) }
        case .snapshot(let generation, let snapshot):
            guard generation == self.generation else { return }
            held.snapshot = snapshot
            send(.snapshotTaken, step: snapshot.step)
        case .failed(let generation, let failure): failed(generation, failure)
        }
    }

    private mutating func failed(_ generation: UInt64?, _ failure: WorkerFailure) {
        let isCurrent = generation == nil || generation == self.generation
        var hasFailed = false
        if case .failed = membership { hasFailed = true }
        // That a step's loss is not finite does not depend on who computes it: it is true in the next generation too.
        guard isCurrent && !hasFailed || failure.kind == .nonFinite else { return }
        if isCurrent, let world = membership.world { enter(.failed(world, membership.assembly)) }
        send(.failure(failure))
        if isCurrent { perform(.abandon("a step failed")) }
        if failure.kind == .fatal || failure.kind == .order { end(.failed("\(failure.phase): \(failure.message)")) }
    }
}
