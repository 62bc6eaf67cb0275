import Foundation
import Numerics
import Testing
import Training
import Transformer

@testable import Cluster

@Suite struct CoordinatorMachineTests {
    private func result(_ simulation: Simulation) throws -> RunResult {
        guard case .success(let result) = simulation.outcome else {
            throw RunError.failed("the run ended with \(String(describing: simulation.outcome))")
        }
        return result
    }

    @Test(arguments: [1, 2, 3, 4], [1, 2, 3] as [UInt64])
    func `a run goes from greeting to model`(_ workers: Int, _ seed: UInt64) throws {
        let simulation = try Simulation(workers: workers, validation: 5, seed: seed)
        simulation.settle()
        let result = try result(simulation)
        #expect(result.steps == 5)
        #expect(result.weightsSHA256 == "f00")
        #expect(simulation.steps.map(\.step) == [1, 2, 3, 4, 5])
        #expect(simulation.steps.map(\.epoch) == [1, 1, 1, 2, 2])
        #expect(simulation.steps.map(\.samples) == [8, 8, 4, 8, 8])
        #expect(simulation.steps.allSatisfy { $0.loss == 1 })
        #expect(simulation.evaluations.map(\.kind) == [.validation, .validation, .test])
        #expect(simulation.evaluations.map(\.step) == [3, 5, 5])
        #expect(simulation.evaluations[2].metrics.examples == 7)
        #expect(simulation.stored == [[1, 0], [1, 1], [2, 0], [2, 1]])
        #expect(simulation.workerErrors.allSatisfy { $0 == nil })
    }

    @Test func `the orders of a step are the same work for any number of workers`() throws {
        func batches(_ workers: Int) throws -> [[PackedBatch]] {
            let simulation = try Simulation(workers: workers)
            simulation.settle()
            return (0..<5).map { step in (0..<workers).flatMap { simulation.orders[step]?[$0]?.batches ?? [] } }
        }
        let alone = try batches(1)
        #expect(alone.map(\.count) == [4, 4, 4, 4, 4])
        for workers in 2...4 { #expect(try batches(workers) == alone) }
    }

    @Test func `ranks without micro-batches of a short batch take part`() throws {
        // The last batch of the epoch has two examples, and there are four workers.
        let simulation = try Simulation(workers: 4, samples: 10, totalSteps: 4)
        simulation.settle()
        #expect(try result(simulation).steps == 4)
        let short = (0..<4).compactMap { simulation.orders[1]?[$0] }
        #expect(short.map { $0.batches.count }.sorted() == [0, 0, 1, 1])
        #expect(short.allSatisfy { $0.sampleCount == 2 && $0.microBatchCount == 2 })
        #expect(Set(short.map(\.embeddingRows)).count == 1)
    }

    @Test func `embedding rows are those of the whole step`() throws {
        let simulation = try Simulation(workers: 2)
        simulation.settle()
        for (_, orders) in simulation.orders {
            let tokens = Set(orders.values.flatMap { $0.batches.flatMap(\.tokenIDs) })
            for order in orders.values { #expect(order.embeddingRows == tokens.sorted()) }
        }
    }

    @Test func `steps are ordered ahead, but not past an evaluation`() throws {
        let simulation = try Simulation(workers: 2, validation: 4)
        var most = 0
        simulation.beforeDelivery = { simulation in
            let progress = simulation.coordinator.training.steps
            most = max(most, progress.issued - progress.completed)
            if simulation.phaseName == "evaluating" { #expect(progress.issued == progress.completed) }
        }
        simulation.settle()
        #expect(most == 3)
    }

    @Test func `plateau listens to the training loss where there is no validation set`() throws {
        let simulation = try Simulation(workers: 1, totalSteps: 15, schedule: .plateau)
        simulation.settle()
        // The loss is 1 in every epoch of three steps: after two without improvement the rate is halved.
        #expect(simulation.steps.first?.learningRate == 1)
        #expect((simulation.steps.last?.learningRate ?? 1) < 1)
    }

    @Test func `the status says what workers do`() throws {
        let simulation = try Simulation(workers: 2, validation: 4)
        var states: [String: Set<String>] = [:]
        simulation.beforeDelivery = { simulation in
            let status = simulation.coordinator.status(0, process: Samples.process)
            states[status.phase, default: []].formUnion(status.workers.map(\.state))
        }
        simulation.settle()
        #expect(states["training"] == ["working"])
        #expect(states["evaluating"] == ["working"])
        #expect(states["saving"] == ["waiting"])
        let last = simulation.coordinator.status(0, process: Samples.process)
        #expect(last.phase == "ended")
        #expect(last.workers.map(\.state) == ["ended", "ended"])
    }

    // MARK: workers that fail

    @Test(arguments: ["gathering", "connecting", "training", "evaluating", "verifying", "fetching"], [0, 2])
    func `the death of a worker in any phase changes nothing`(_ phase: String, _ restarts: Int) throws {
        let calm = try Simulation(workers: 3, validation: 6)
        calm.settle()
        let simulation = try Simulation(workers: 3, validation: 6) { $0.maxRestarts = restarts }
        var done = false
        simulation.beforeDelivery = { simulation in
            guard !done, simulation.phaseName == phase else { return }
            done = true
            simulation.kill(1)
        }
        #expect(simulation.run(seconds: restarts == 0 ? 100 : 20))
        #expect(done)
        if phase == "gathering" || phase == "connecting", restarts == 0 {
            // The run has not begun: it waits for as many workers as were asked for.
            #expect(try #require(simulation.error).contains("2 of 3 workers joined within 60 s"))
            return
        }
        #expect(try result(simulation).steps == 5)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.wrongBits.isEmpty)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        if phase != "gathering" {
            #expect(lost.contains { $0.contains("worker 1 (pid 101 on h) was killed by signal 9") })
        }
        #expect(simulation.restarts == min(1, restarts))
    }

    @Test func `a run without workers and restarts ends`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 50) { $0.maxRestarts = 1 }
        var killed = 0
        simulation.beforeDelivery = { simulation in
            guard simulation.steps.count > killed, case .training = simulation.coordinator.training.stage else {
                return
            }
            killed += 1
            for index in simulation.workers.indices { simulation.kill(index) }
        }
        #expect(simulation.run(seconds: 30))
        #expect(try #require(simulation.error).contains("--max-restarts 1 is used up"))
    }

    @Test func `a death while the model is written is no failure`() throws {
        let simulation = try Simulation(workers: 2)
        simulation.settle()
        simulation.kill(0)
        #expect(try result(simulation).steps == 5)
    }

    @Test func `a silent worker is missed after the timeout`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 50)
        var killed = -1.0
        var next = -1.0
        simulation.beforeDelivery = { simulation in
            if killed < 0, simulation.steps.count == 10 {
                killed = simulation.now
                simulation.frozen.insert(0)
            }
            if next < 0, killed >= 0, simulation.steps.count > 14 { next = simulation.now }
        }
        #expect(simulation.run())
        #expect(try result(simulation).steps == 50)
        #expect(next - killed < 6.5)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("worker 0 (pid 100 on h) gave no sign of life for 5.0 s") })
    }

    @Test func `a worker that was stopped comes back`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 200, local: false)
        var stopped = -1.0
        simulation.beforeDelivery = { simulation in
            if stopped < 0, simulation.steps.count == 10 {
                stopped = simulation.now
                simulation.frozen.insert(0)
            } else if stopped >= 0, simulation.steps.count == 40 {
                simulation.frozen.remove(0)
            }
        }
        #expect(simulation.run())
        #expect(try result(simulation).workers == 2)
        #expect(simulation.workers.count == 2)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `a peer that does not answer is given up before its heartbeat times out`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 30, local: false)
        var killed = -1.0
        var next = -1.0
        simulation.beforeDelivery = { simulation in
            if killed < 0, simulation.steps.count == 10 {
                killed = simulation.now
                simulation.kill(0)
            }
            if next < 0, simulation.steps.count > 14 { next = simulation.now }
        }
        #expect(simulation.run())
        #expect(try result(simulation).steps == 30)
        #expect(next - killed <= 2)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("is missed by worker 1 (pid 101 on h) and does not answer") })
    }

    @Test func `below the minimum the others wait`() throws {
        let simulation = try Simulation(workers: 3, totalSteps: 30, local: false) { $0.minWorkers = 3 }
        var done = false
        simulation.beforeDelivery = { simulation in
            if !done, simulation.steps.count == 10 {
                done = true
                simulation.kill(0)
            }
        }
        #expect(!simulation.run(seconds: 20))
        #expect(simulation.steps.count < 15)
        simulation.startWorker(nil)
        #expect(simulation.run(seconds: 20))
        #expect(try result(simulation).steps == 30)
    }

    @Test func `a worker that comes later takes part`() throws {
        let calm = try Simulation(workers: 1, totalSteps: 30)
        calm.settle()
        let simulation = try Simulation(workers: 1, totalSteps: 30, local: false)
        var joined = 0
        simulation.beforeDelivery = { simulation in
            if joined < 2, simulation.steps.count == 5 + 5 * joined {
                joined += 1
                simulation.startWorker(nil)
            }
        }
        #expect(simulation.run())
        #expect(try result(simulation).workers == 3)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.orders[29]?.count == 3)
    }

    // MARK: checkpoints and resuming

    @Test func `checkpoints are written as the run goes on`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 30) { $0.checkpointEvery = 10 }
        simulation.settle()
        #expect(Set(simulation.disk.keys) == [10, 20, 30])
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `the end of an epoch is kept with its validation`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 9, validation: 5) { $0.checkpointEvery = 1000 }
        simulation.settle()
        #expect(Set(simulation.disk.keys) == [3, 6, 9])
        #expect(simulation.disk[6]?.state.metrics["validation_accuracy"] == 0.4)
    }

    @Test func `a full disk does not end the run`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 30) { $0.checkpointEvery = 10 }
        simulation.isDiskFull = true
        simulation.settle()
        #expect(try result(simulation).steps == 30)
        #expect(Set(simulation.disk.keys) == [20, 30])
        let warnings = simulation.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(warnings.contains { $0.contains("no space left on device") })
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a checkpoint that is being written is waited for where no worker is further`(
        _ seed: UInt64
    )
        throws
    {
        func simulation() throws -> Simulation {
            try Simulation(workers: 2, totalSteps: 30, seed: seed) {
                $0.checkpointEvery = 10
                $0.maxRestarts = 9
            }
        }
        let calm = try simulation()
        calm.settle()
        let simulation = try simulation()
        simulation.holdsDisk = true
        var killed = false
        var waited = false
        simulation.beforeDelivery = { simulation in
            if !killed, !simulation.written.isEmpty {
                killed = true
                for index in simulation.workers.indices { simulation.kill(index) }
            }
            if case .awaitingCheckpoint = simulation.coordinator.phase {
                waited = true
                simulation.holdsDisk = false
            }
        }
        #expect(simulation.run(seconds: 60))
        #expect(killed && waited)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.wrongBits.isEmpty)
        let back = simulation.events.compactMap { if case .wentBack(_, let to) = $0 { to } else { nil } }
        #expect(back.allSatisfy { $0 == 10 }, "not behind the checkpoint")
    }

    @Test func `an interrupt after which no worker is left ends the run`() throws {
        for local in [true, false] {
            let simulation = try Simulation(workers: 2, totalSteps: 40, local: local) { $0.maxRestarts = 9 }
            var done = false
            simulation.beforeDelivery = { simulation in
                guard !done, simulation.steps.count == 10 else { return }
                done = true
                simulation.coordinate(.interrupt)
                for index in simulation.workers.indices { simulation.kill(index) }
            }
            #expect(simulation.run(seconds: 20))
            #expect(simulation.outcome == .failure(.interrupted(checkpoint: nil)))
        }
    }

    @Test(arguments: [ScheduleKind.linear, .plateau], [nil, 6])
    func `a coordinator that is started again goes on from its workers`(_ schedule: ScheduleKind, _ validation: Int?)
        throws
    {
        func simulation() throws -> Simulation {
            try Simulation(workers: 2, totalSteps: 30, validation: validation, schedule: schedule)
        }
        let calm = try simulation()
        calm.settle()
        let killed = try simulation()
        killed.beforeDelivery = { if $0.isCoordinatorAlive, $0.steps.count == 14 { $0.killCoordinator() } }
        #expect(!killed.run(seconds: 3))
        killed.beforeDelivery = { _ in }
        try killed.restartCoordinator()
        #expect(killed.run(seconds: 30))
        #expect(killed.difference(from: calm) == nil)
        #expect(killed.restarts == 0)
        #expect(!killed.events.contains { if case .wentBack = $0 { true } else { false } }, "no finished step is lost")
    }

    @Test(arguments: [ScheduleKind.linear, .plateau], [nil, 6])
    func `a run whose processes are all gone goes on from its checkpoint`(_ schedule: ScheduleKind, _ validation: Int?)
        throws
    {
        func simulation() throws -> Simulation {
            try Simulation(workers: 2, totalSteps: 30, validation: validation, schedule: schedule) {
                $0.checkpointEvery = 5
                $0.maxRestarts = 9
            }
        }
        let calm = try simulation()
        calm.settle()
        let killed = try simulation()
        killed.beforeDelivery = { if $0.isCoordinatorAlive, $0.steps.count == 14 { $0.killCoordinator() } }
        #expect(!killed.run(seconds: 3))
        killed.beforeDelivery = { _ in }
        for index in killed.workers.indices { killed.kill(index) }
        try killed.restartCoordinator()
        #expect(killed.run(seconds: 60))
        #expect(killed.difference(from: calm) == nil)
        #expect(killed.wrongBits.isEmpty)
    }

    @Test func `orphans end after a while`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 300)
        simulation.beforeDelivery = { if $0.isCoordinatorAlive, $0.steps.count == 14 { $0.killCoordinator() } }
        #expect(!simulation.run(seconds: 50))
        #expect(simulation.workers.allSatisfy { $0 != nil })
        #expect(!simulation.run(seconds: 15))
        #expect(simulation.workers.allSatisfy { $0 == nil })
        #expect(simulation.workerErrors.allSatisfy { $0?.description.contains("no sign of life for 60 s") == true })
    }

    @Test func `a loss that is not finite keeps the state before it`() throws {
        let simulation = try Simulation(workers: 3)
        simulation.disturb = { [unowned simulation] number, job, result in
            guard case .step(let generation, 3, let order) = job, let rank = simulation.replicas[number].joined?.rank
            else { return result }
            return .failed(
                generation: generation,
                order.partition[rank].contains(1)
                    ? WorkerFailure(kind: .nonFinite, phase: "step 4", message: "loss not finite", microBatch: 1)
                    : WorkerFailure(kind: .peer, phase: "step 4", message: "rank 1 is gone", peers: [1]))
        }
        #expect(simulation.run(seconds: 30))
        #expect(simulation.error == "loss not finite; the state before that step is kept in step-3")
        #expect(simulation.stored == [[1, 0], [1, 1], [2, 0], [2, 1]])
    }

    @Test func `after an interrupt the steps under way are finished and kept`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 40)
        simulation.beforeDelivery = { if $0.steps.count == 4 { $0.coordinate(.interrupt) } }
        simulation.settle()
        let kept = simulation.steps.count
        #expect((5...7).contains(kept))
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: "step-\(kept)")))
        #expect(simulation.workerErrors.allSatisfy { $0 == nil })
    }

    @Test func `an interrupt during an evaluation keeps the state`() throws {
        let simulation = try Simulation(workers: 2, validation: 30)
        simulation.beforeDelivery = { if $0.phaseName == "evaluating" { $0.coordinate(.interrupt) } }
        simulation.settle()
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: "step-3")))
    }

    @Test func `an interrupt before the first step keeps nothing`() throws {
        let simulation = try Simulation(workers: 2)
        simulation.coordinate(.interrupt)
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: nil)))
    }

    // MARK: messages that do not belong

    @Test func `messages of another generation are dropped`() throws {
        let simulation = try Simulation(workers: 2)
        var sent = 0
        simulation.beforeDelivery = { simulation in
            guard simulation.coordinator.membership.generation == 1, sent < 50 else { return }
            sent += 1
            for generation in [0, 2, .max] as [UInt64] {
                for message in Samples.workerMessages {
                    var message = message
                    message.generation = generation
                    if case .failure = message.body { continue }
                    if case .chunkRequest = message.body { continue }
                    simulation.coordinate(.message(simulation.peer(0), message))
                }
            }
        }
        simulation.settle()
        #expect(try result(simulation).steps == 5)
        #expect(simulation.steps.count == 5)
    }

    @Test func `messages of unknown peers are ignored`() throws {
        let simulation = try Simulation(workers: 2)
        let stranger = PeerID(bytes: [1, 200])
        simulation.beforeDelivery = { simulation in
            for message in Samples.workerMessages { simulation.coordinate(.message(stranger, message)) }
            simulation.coordinate(.rejected(stranger, ProtocolError("garbage")))
        }
        simulation.settle()
        #expect(try result(simulation).steps == 5)
        #expect(simulation.senderWarnings.contains { $0.contains("an unknown sender sent garbage") })
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 6] as [Int])
    func `a member that sends what does not fit is named`(_ which: Int) throws {
        let simulation = try Simulation(workers: 2)
        let report = StepReport(
            lossSums: [1], gradientNorm: 1, computeSeconds: 0, allreduceSeconds: 0, stepSeconds: 0, residentBytes: 0,
            bytesSent: 0)
        let bodies: [(UInt64, WorkerMessage.Body)] = [
            (0, .stepReport(report)), (99, .stepReport(report)), (0, .evaluationReport(id: 0, logits: [1])),
            (0, .bound(endpoint: "x", hasState: false, records: [])), (0, .ready),
            (0, .chunk(.weights, index: 0, payload: Data(count: 4))), (0, .chunkRequest(.weights, 5..<9)),
        ]
        var done = false
        simulation.beforeDelivery = { simulation in
            guard !done, simulation.steps.count == 2 else { return }
            done = true
            simulation.coordinate(
                .message(
                    simulation.peer(1), WorkerMessage(generation: 1, step: bodies[which].0, body: bodies[which].1)))
        }
        #expect(simulation.run(seconds: 20))
        #expect(try result(simulation).steps == 5)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("worker 1 (pid 101 on h) was sent away: it sent") })
        #expect(simulation.workers[1] == nil)
    }

    @Test func `a worker too many is sent away`() throws {
        let simulation = try Simulation(workers: 1, local: false) { $0.maxWorkers = 1 }
        while simulation.coordinator.membership.count == 0 {
            #expect(simulation.deliverOne())
        }
        let late = WorkerDescription(host: "h", pid: 9, threads: 1, cpu: "c", instructionSet: "AVX2")
        simulation.coordinate(
            .message(
                PeerID(bytes: [1, 0, 0, 9]),
                WorkerMessage(generation: 0, step: 0, body: .hello(late, runID: "", hasState: false))))
        #expect("\(simulation.toWorker[0])".contains("refusal"))
    }

    @Test func `another version is refused by name`() throws {
        let simulation = try Simulation(workers: 1, local: false)
        simulation.coordinate(.rejected(simulation.peer(0), ProtocolError("version 9", otherVersion: 9)))
        #expect("\(simulation.toWorker[0])".contains("a worker speaks version 9"))
        #expect(simulation.senderWarnings.contains { $0.contains("install the same shoal on both") })
        #expect(simulation.outcome == nil)
    }

    @Test func `workers that never come are waited for only so long`() throws {
        let simulation = try Simulation(workers: 2)
        simulation.kill(1, tellingParent: false)
        simulation.toCoordinator[1] = []
        #expect(simulation.run())
        #expect(try #require(simulation.error).contains("1 of 2 workers joined within 60 s"))
        #expect(simulation.now < 62)
    }

    @Test(arguments: [
        (["AVX2", "AVX-512"], Precision.float32, 1), (["AVX-512 with BF16", "AVX-512"], .float32, 0),
        (["AVX-512 with BF16", "AVX-512 with AMX"], .float32, 0),
        (["AVX-512 with BF16", "AVX-512 with AMX"], .bf16, 1), (["AVX-512 with AMX", "AVX-512 with AMX"], .bf16, 0),
    ])
    func `different processors are warned about once`(sets: [String], precision: Precision, expected: Int) throws {
        var settings = CoordinatorSettings(workers: 2, local: false)
        settings.precision = precision
        settings.joinTimeout = 60
        var machine = CoordinatorMachine(settings, now: 0)
        var warnings = 0
        for (number, set) in sets.enumerated() {
            let worker = WorkerDescription(host: "h", pid: number, threads: 1, cpu: "c", instructionSet: set)
            let hello = WorkerMessage(generation: 0, step: 0, body: .hello(worker, runID: "", hasState: false))
            for effect in machine.handle(.message(PeerID(bytes: [1, UInt8(number)]), hello), now: 0) {
                if case .emit(.warning) = effect { warnings += 1 }
            }
        }
        #expect(warnings == expected)
    }

    /// Whatever nonsense comes, in whatever order, the run ends, and never with a trap.
    @Test(arguments: 0..<60 as Range<UInt64>) func `random nonsense always ends the run`(_ seed: UInt64) throws {
        var random = PhiloxStream(seed: seed, purpose: .split)
        let simulation = try Simulation(
            workers: 1 + random.next(below: 4), validation: random.next(below: 2) == 0 ? 5 : nil, seed: seed)
        simulation.beforeDelivery = { simulation in
            guard random.next(below: 40) == 0 else { return }
            let index = random.next(below: simulation.workers.count)
            switch random.next(below: 6) {
            case 0: simulation.kill(index)
            case 1: simulation.kill(index, tellingParent: false)
            case 2: simulation.coordinate(.interrupt)
            case 3:
                simulation.coordinate(
                    .message(
                        simulation.peer(index),
                        Samples.workerMessages[random.next(below: Samples.workerMessages.count)]))
            case 4:
                simulation.tell(
                    index,
                    .message(Samples.coordinatorMessages[random.next(below: Samples.coordinatorMessages.count)]))
            default: simulation.now += 1
            }
        }
        #expect(simulation.run(seconds: 300))
    }
}
