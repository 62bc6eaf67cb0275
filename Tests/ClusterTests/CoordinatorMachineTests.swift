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
    func aRunGoesFromGreetingToModel(_ workers: Int, _ seed: UInt64) throws {
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
        #expect(simulation.stored == [[1, 0], [1, 1]])
        #expect(simulation.workerErrors.allSatisfy { $0 == nil })
    }

    @Test func theOrdersOfAStepAreTheSameWorkForAnyNumberOfWorkers() throws {
        func batches(_ workers: Int) throws -> [[PackedBatch]] {
            let simulation = try Simulation(workers: workers)
            simulation.settle()
            return (0..<5).map { step in (0..<workers).flatMap { simulation.orders[step]?[$0]?.batches ?? [] } }
        }
        let alone = try batches(1)
        #expect(alone.map(\.count) == [4, 4, 4, 4, 4])
        for workers in 2...4 { #expect(try batches(workers) == alone) }
    }

    @Test func ranksWithoutMicroBatchesInAShortBatchTakePartAllTheSame() throws {
        // The last batch of the epoch has two examples, and there are four workers.
        let simulation = try Simulation(workers: 4, samples: 10, totalSteps: 4)
        simulation.settle()
        #expect(try result(simulation).steps == 4)
        let short = (0..<4).compactMap { simulation.orders[1]?[$0] }
        #expect(short.map { $0.batches.count }.sorted() == [0, 0, 1, 1])
        #expect(short.allSatisfy { $0.sampleCount == 2 && $0.leafCount == 2 })
        #expect(Set(short.map(\.embeddingRows)).count == 1)
    }

    @Test func embeddingRowsAreThoseOfTheWholeStep() throws {
        let simulation = try Simulation(workers: 2)
        simulation.settle()
        for (_, orders) in simulation.orders {
            let tokens = Set(orders.values.flatMap { $0.batches.flatMap(\.tokenIDs) })
            for order in orders.values { #expect(order.embeddingRows == tokens.sorted()) }
        }
    }

    @Test func stepsAreOrderedAheadButNotPastAnEvaluation() throws {
        let simulation = try Simulation(workers: 2, validation: 4)
        var most = 0
        simulation.beforeDelivery = { simulation in
            let progress = simulation.coordinator.progress
            most = max(most, progress.issued - progress.completed)
            if case .evaluating = simulation.coordinator.phase { #expect(progress.issued == progress.completed) }
        }
        simulation.settle()
        #expect(most == 3)
    }

    @Test func plateauListensToTheTrainingLossWhereThereIsNoValidationSet() throws {
        let simulation = try Simulation(workers: 1, totalSteps: 15, schedule: .plateau)
        simulation.settle()
        // The loss is 1 in every epoch of three steps: after two without improvement the rate is halved.
        #expect(simulation.steps.first?.learningRate == 1)
        #expect((simulation.steps.last?.learningRate ?? 1) < 1)
    }

    // MARK: workers that fail

    @Test(arguments: [
        ("gathering", "joining"), ("connecting", "joining"), ("training", "step"), ("evaluating", "evaluated"),
        ("verifying", "collected"), ("fetching", "collected"),
    ])
    func theDeathOfAWorkerEndsTheRunInEveryPhase(_ phase: String, _ what: String) throws {
        let simulation = try Simulation(workers: 3, validation: 6)
        var done = false
        simulation.beforeDelivery = { simulation in
            guard !done, "\(simulation.coordinator.phase)".hasPrefix(phase) else { return }
            done = true
            simulation.kill(1)
        }
        simulation.settle()
        #expect(done)
        let error = try #require(simulation.error)
        #expect(error.contains("worker 1 (pid 101"))
        #expect(error.contains("was killed by signal 9"))
        #expect(error.contains(what))
        // The others are told to go; before they have joined, nobody knows them.
        if phase == "gathering" { return }
        for number in [0, 2] {
            let isTold = "\(simulation.toWorker[number])".contains("shutdown")
            #expect(isTold || simulation.workers[number]?.hasEnded == true)
        }
    }

    @Test func aDeathWhileTheModelIsWrittenIsNoFailure() throws {
        let simulation = try Simulation(workers: 2)
        simulation.settle()
        simulation.kill(0)
        #expect(try result(simulation).steps == 5)
    }

    @Test func aSilentWorkerIsMissedAfterTheTimeOut() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 50)
        var killed = -1.0
        simulation.beforeDelivery = { simulation in
            if killed < 0, simulation.steps.count == 10 {
                killed = simulation.now
                simulation.kill(0, tellingParent: false)
            }
        }
        #expect(simulation.run())
        #expect(try #require(simulation.error).contains("worker 0 (pid 100 on h) gave no sign of life for 5.0 s"))
        #expect(simulation.now - killed < 7)
    }

    @Test func theExitOfTheGuiltyWorkerExplainsTheFailureOfItsPeers() throws {
        let simulation = try Simulation(workers: 2)
        simulation.disturb = { number, job, result in
            guard case .step(let generation, 2, _) = job, number == 1 else { return result }
            return .failed(
                generation: generation,
                WorkerFailure(kind: .peer, phase: "step 3", message: "rank 0 closed its connection", peers: [0]))
        }
        simulation.settle()
        #expect(simulation.outcome == nil)
        simulation.coordinate(.childExited(number: 0, pid: 100, why: "exited with code 3"))
        #expect(try #require(simulation.error).contains("worker 0 (pid 100 on h) exited with code 3"))
    }

    @Test func withoutABetterExplanationThePeersOneIsTold() throws {
        let simulation = try Simulation(workers: 2)
        simulation.disturb = { number, job, result in
            guard case .step(let generation, 2, _) = job, number == 1 else { return result }
            return .failed(
                generation: generation,
                WorkerFailure(kind: .peer, phase: "step 3", message: "rank 0 closed its connection", peers: [0]))
        }
        #expect(simulation.run(seconds: 10))
        #expect(try #require(simulation.error).contains("rank 0 closed its connection"))
    }

    @Test func aLossThatIsNotFiniteKeepsTheStateBeforeIt() throws {
        let simulation = try Simulation(workers: 3)
        simulation.disturb = { number, job, result in
            guard case .step(let generation, 3, _) = job else { return result }
            return .failed(
                generation: generation,
                number == 1
                    ? WorkerFailure(kind: .nonFinite, phase: "step 4", message: "loss not finite", microBatch: 1)
                    : WorkerFailure(kind: .peer, phase: "step 4", message: "rank 1 is gone", peers: [1]))
        }
        #expect(simulation.run(seconds: 20))
        #expect(simulation.error == "loss not finite; the state before that step is kept in step-3")
        #expect(simulation.stored == [[1, 0], [1, 1], [2, 0], [2, 1]])
    }

    @Test func replicasThatDifferAreFoundOut() throws {
        let byNorm = try Simulation(workers: 2)
        byNorm.disturb = { number, job, result in
            guard number == 1, case .stepped(let generation, let step, var report) = result, step == 2 else {
                return result
            }
            report.gradientNorm = report.gradientNorm.nextUp
            return .stepped(generation: generation, step: step, report)
        }
        byNorm.settle()
        #expect(try #require(byNorm.error).contains("the replicas differ at step 3"))
        let byWeights = try Simulation(workers: 2)
        byWeights.disturb = { number, _, result in
            if number == 1, case .digest = result { return .digest(String(repeating: "b", count: 64)) }
            return result
        }
        byWeights.settle()
        #expect(try #require(byWeights.error).contains("the replicas differ: the weights of worker 0"))
    }

    @Test func afterAnInterruptTheStepsUnderWayAreFinishedAndKept() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 40)
        simulation.beforeDelivery = { if $0.steps.count == 4 { $0.coordinate(.interrupt) } }
        simulation.settle()
        let kept = simulation.steps.count
        #expect((5...7).contains(kept))
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: "step-\(kept)")))
        #expect(simulation.workerErrors.allSatisfy { $0 == nil })
    }

    @Test func anInterruptDuringAnEvaluationKeepsTheState() throws {
        let simulation = try Simulation(workers: 2, validation: 30)
        simulation.beforeDelivery = { if case .evaluating = $0.coordinator.phase { $0.coordinate(.interrupt) } }
        simulation.settle()
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: "step-3")))
    }

    @Test func anInterruptBeforeTheFirstStepKeepsNothing() throws {
        let simulation = try Simulation(workers: 2)
        simulation.coordinate(.interrupt)
        #expect(simulation.outcome == .failure(.interrupted(checkpoint: nil)))
    }

    // MARK: messages that do not belong

    @Test func messagesOfAnotherGenerationAreDropped() throws {
        let simulation = try Simulation(workers: 2)
        var sent = 0
        simulation.beforeDelivery = { simulation in
            guard simulation.coordinator.generation == 1, sent < 50 else { return }
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

    @Test func strangersAreIgnoredWhateverTheySay() throws {
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
    func aMemberThatSendsWhatDoesNotFitIsNamed(_ which: Int) throws {
        let simulation = try Simulation(workers: 2)
        let report = StepReport(
            lossSums: [1], gradientNorm: 1, computeSeconds: 0, allreduceSeconds: 0, stepSeconds: 0, residentBytes: 0,
            bytesSent: 0)
        let bodies: [(UInt64, WorkerMessage.Body)] = [
            (0, .stepReport(report)), (99, .stepReport(report)), (0, .evaluationReport(id: 0, logits: [1])),
            (0, .bound(endpoint: "x")), (0, .ready), (0, .chunk(.weights, index: 0, payload: Data(count: 4))),
            (0, .chunkRequest(5..<9)),
        ]
        var done = false
        simulation.beforeDelivery = { simulation in
            guard !done, simulation.steps.count == 2 else { return }
            done = true
            simulation.coordinate(
                .message(
                    simulation.peer(1), WorkerMessage(generation: 1, step: bodies[which].0, body: bodies[which].1)))
        }
        simulation.settle()
        #expect(try #require(simulation.error).contains("worker 1 (pid 101 on h) sent"))
    }

    @Test func aWorkerTooManyIsSentAway() throws {
        let simulation = try Simulation(workers: 1, local: false)
        while simulation.coordinator.members.isEmpty { #expect(simulation.deliverOne()) }
        let late = WorkerDescription(host: "h", pid: 9, threads: 1, cpu: "c", instructionSet: "AVX2")
        simulation.coordinate(
            .message(PeerID(bytes: [1, 0, 9]), WorkerMessage(generation: 0, step: 0, body: .hello(late))))
        #expect("\(simulation.toWorker[0])".contains("refusal"))
    }

    @Test func anotherVersionIsRefusedByName() throws {
        let simulation = try Simulation(workers: 1, local: false)
        simulation.coordinate(.rejected(simulation.peer(0), ProtocolError("version 9", otherVersion: 9)))
        #expect("\(simulation.toWorker[0])".contains("a worker speaks version 9"))
        #expect(simulation.senderWarnings.contains { $0.contains("install the same shoal on both") })
        #expect(simulation.outcome == nil)
    }

    @Test func workersThatNeverComeAreWaitedForOnlySoLong() throws {
        let simulation = try Simulation(workers: 2)
        simulation.kill(1, tellingParent: false)
        simulation.toCoordinator[1] = []
        #expect(simulation.run())
        #expect(try #require(simulation.error).contains("1 of 2 workers joined within 60 s"))
        #expect(simulation.now < 62)
    }

    @Test func differentProcessorsAreWarnedAboutOnce() throws {
        var settings = CoordinatorMachine.Settings(workers: 2, local: false)
        settings.joinTimeout = 60
        var machine = CoordinatorMachine(settings, now: 0)
        var warnings = 0
        for (number, set) in ["AVX2", "AVX-512"].enumerated() {
            let worker = WorkerDescription(host: "h", pid: number, threads: 1, cpu: "c", instructionSet: set)
            let hello = WorkerMessage(generation: 0, step: 0, body: .hello(worker))
            for effect in machine.handle(.message(PeerID(bytes: [1, UInt8(number)]), hello), now: 0) {
                if case .emit(.warning) = effect { warnings += 1 }
            }
        }
        #expect(warnings == 1)
    }

    /// Whatever happens, in whatever order, the run ends, and never with a trap.
    @Test(arguments: 0..<60 as Range<UInt64>) func randomTroubleAlwaysEndsTheRun(_ seed: UInt64) throws {
        var random = PhiloxStream(seed: seed, purpose: .split)
        let simulation = try Simulation(
            workers: 1 + random.next(below: 4), validation: random.next(below: 2) == 0 ? 5 : nil, seed: seed)
        simulation.beforeDelivery = { simulation in
            guard random.next(below: 40) == 0 else { return }
            let number = random.next(below: simulation.workers.count)
            switch random.next(below: 6) {
            case 0: simulation.kill(number)
            case 1: simulation.kill(number, tellingParent: false)
            case 2: simulation.coordinate(.interrupt)
            case 3:
                simulation.coordinate(.message(simulation.peer(number), Samples.workerMessages[random.next(below: 11)]))
            case 4: simulation.tell(number, .message(Samples.coordinatorMessages[random.next(below: 13)]))
            default: simulation.now += 1
            }
        }
        #expect(simulation.run(seconds: 200))
    }
}
