import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Messages that do not belong, and workers that do not fit.
@Suite struct UnexpectedMessageTests {
    private func result(_ simulation: Simulation) throws -> RunResult {
        guard case .success(let result) = simulation.outcome else {
            throw RunError.failed("the run ended with \(String(describing: simulation.outcome))")
        }
        return result
    }

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

    @Test func `unknown peers are ignored whatever they send`() throws {
        let simulation = try Simulation(workers: 2)
        let unknownPeer = PeerID(bytes: [1, 200])
        simulation.beforeDelivery = { simulation in
            for message in Samples.workerMessages { simulation.coordinate(.message(unknownPeer, message)) }
            simulation.coordinate(.rejected(unknownPeer, ProtocolError("garbage")))
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
            (0, .stepReport(report)), (99, .stepReport(report)),
            (0, .evaluationReport(id: 0, [MicroBatchMetrics(losses: [1], metrics: "{}")])),
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
                simulation.deliver(
                    index,
                    .message(Samples.coordinatorMessages[random.next(below: Samples.coordinatorMessages.count)]))
            default: simulation.now += 1
            }
        }
        #expect(simulation.run(seconds: 300))
    }
}
