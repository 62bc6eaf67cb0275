import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Claims of one worker that would end a run.
@Suite struct DoubtTests {
    private func lost(_ simulation: Simulation) -> [String] {
        simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
    }

    private static func calm(_ workers: Int = 2, validation: Int? = nil) throws -> Simulation {
        let calm = try Simulation(workers: workers, totalSteps: 8, validation: validation)
        #expect(calm.run())
        return calm
    }

    private static func notFinite(_ microBatch: Int?) -> WorkerFailure {
        WorkerFailure(
            kind: .nonFinite, phase: "step 4", message: "the loss is not finite at step 4", microBatch: microBatch)
    }

    private static func missing(_ rank: Int) -> WorkerFailure {
        WorkerFailure(kind: .peer, phase: "step 4", message: "rank \(rank) closed its connection", peers: [rank])
    }

    // MARK: losses that are not finite

    @Test(arguments: [1, 2, 3, 4], [1, 2, 3, 4, 5] as [UInt64])
    func `a micro-batch that is not finite for all ends the run and is named`(_ workers: Int, _ seed: UInt64) throws {
        let simulation = try Simulation(workers: workers, totalSteps: 8, seed: seed)
        simulation.disturb = { [unowned simulation] number, job, result in
            guard case .step(let generation, 3, let order) = job, let rank = simulation.replicas[number].joined?.rank,
                let bad = order.partition.firstIndex(where: { $0.contains(2) })
            else { return result }
            return .failed(generation: generation, rank == bad ? Self.notFinite(2) : Self.missing(bad))
        }
        #expect(simulation.run(seconds: 60))
        #expect(
            simulation.error == "the loss is not finite at step 4; the state before that step is kept in step-3")
        #expect(lost(simulation).isEmpty)
        #expect(simulation.refusals.isEmpty)
    }

    @Test(arguments: [1, 2, 3]) func `a sum that is not finite for all ends the run`(_ workers: Int) throws {
        let simulation = try Simulation(workers: workers, totalSteps: 8)
        simulation.disturb = { _, job, result in
            guard case .step(let generation, 3, _) = job else { return result }
            return .failed(generation: generation, Self.notFinite(nil))
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error?.contains("the loss is not finite at step 4") == true)
    }

    @Test(arguments: [2, 3], [1, 2, 3, 4] as [UInt64])
    func `one worker's claim costs it its place and the run no bit`(_ workers: Int, _ seed: UInt64) throws {
        for isStubborn in [false, true] {
            let simulation = try Simulation(workers: workers, totalSteps: 8, seed: seed, local: false)
            var claimed: UInt64?
            simulation.disturb = { [unowned simulation] number, job, result in
                guard case .step(let generation, 3, let order) = job, simulation.workers[1] != nil,
                    isStubborn || claimed ?? generation == generation,
                    let liar = simulation.replicas[1].joined, liar.generation == generation
                else { return result }
                claimed = generation
                return .failed(
                    generation: generation,
                    number == 1 ? Self.notFinite(order.partition[liar.rank].lowerBound) : Self.missing(liar.rank))
            }
            #expect(simulation.run(seconds: 300))
            #expect(simulation.error == nil)
            // Where the others' complaint comes before the claim, the step is taken again at once, and not claimed
            // again.
            #expect(isStubborn ? lost(simulation).count == 1 : lost(simulation).count <= 1)
            #expect(
                lost(simulation).allSatisfy {
                    $0.contains("(pid 101 on h) was sent away: it sent a loss or gradient of step 4")
                }, "\(lost(simulation))")
            #expect(simulation.difference(from: try Self.calm()) == nil)
            #expect(simulation.wrongBits.isEmpty)
        }
    }

    @Test func `the only worker is asked twice`() throws {
        let simulation = try Simulation(workers: 1, totalSteps: 8)
        var claims = 0
        simulation.disturb = { _, job, result in
            guard case .step(let generation, 3, _) = job, claims == 0 else { return result }
            claims += 1
            return .failed(generation: generation, Self.notFinite(0))
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        let warnings = simulation.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(warnings.contains { $0.contains("is its memory sound?") })
    }

    @Test(arguments: [(99, 0), (0, 0), (2, 77)] as [(UInt64, Int)])
    func `a claim about work that it did not have costs a worker its place`(_ step: UInt64, _ microBatch: Int) throws {
        let simulation = try Simulation(workers: 2, totalSteps: 8, local: false)
        var isDone = false
        simulation.beforeDelivery = { simulation in
            guard !isDone, simulation.steps.count == 2, case .training = simulation.coordinator.training.stage else {
                return
            }
            isDone = true
            simulation.coordinate(
                .message(
                    simulation.peer(1),
                    WorkerMessage(
                        generation: simulation.coordinator.membership.generation, step: step,
                        body: .failure(Self.notFinite(microBatch)))))
        }
        #expect(simulation.run(seconds: 60))
        #expect(isDone)
        #expect(simulation.error == nil)
        #expect(lost(simulation).first?.contains("which it was not ordered to take") == true, "\(lost(simulation))")
        #expect(simulation.difference(from: try Self.calm()) == nil)
    }

    // MARK: evaluations

    @Test func `losses that are not finite are computed again by another worker`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 8, validation: 9, local: false)
        var isDone = false
        simulation.disturb = { number, _, result in
            guard number == 1, !isDone, case .evaluated(let generation, let id, var parts) = result else {
                return result
            }
            isDone = true
            parts[0] = Samples.withoutLoss(parts[0], .nan)
            return .evaluated(generation: generation, id: id, parts)
        }
        #expect(simulation.run(seconds: 60))
        #expect(isDone && simulation.error == nil)
        #expect(lost(simulation).first?.contains("another worker finds them finite") == true, "\(lost(simulation))")
        #expect(simulation.difference(from: try Self.calm(validation: 9)) == nil)
    }

    @Test(arguments: [1, 2, 3]) func `losses that are not finite for all end the run`(_ workers: Int) throws {
        let simulation = try Simulation(workers: workers, totalSteps: 8, validation: 9)
        simulation.disturb = { _, _, result in
            guard case .evaluated(let generation, let id, let parts) = result else { return result }
            return .evaluated(generation: generation, id: id, parts.map { Samples.withoutLoss($0, .infinity) })
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error?.contains("the loss of the validation set is not finite") == true)
    }

    @Test(arguments: [2, 3]) func `counts of another model cost a worker its place, and the run goes on`(
        _ classes: Int
    ) throws {
        let simulation = try Simulation(workers: 2, totalSteps: 8, validation: 9, local: false)
        var isDone = false
        simulation.disturb = { number, _, result in
            guard number == 1, !isDone, case .evaluated(let generation, let id, var parts) = result else {
                return result
            }
            isDone = true
            // Of other classes, or of no examples.
            parts[0] = EvaluationPart(losses: parts[0].losses, metrics: ClassificationMetrics(classes: classes))
            return .evaluated(generation: generation, id: id, parts)
        }
        #expect(simulation.run(seconds: 60))
        #expect(isDone && simulation.error == nil)
        #expect(lost(simulation).first?.contains("metrics that do not fit an order") == true, "\(lost(simulation))")
        #expect(simulation.difference(from: try Self.calm(validation: 9)) == nil)
    }

    @Test func `the reports of all evaluations are the same for 1, 2, 3 and 7 workers`() throws {
        let reports = try [1, 2, 3, 7].map { workers in
            let simulation = try Simulation(
                workers: workers, samples: 40, batch: 16, microBatches: 8, totalSteps: 8, validation: 31, test: 45)
            #expect(simulation.run(seconds: 60))
            return simulation.evaluations.map(\.metrics)
        }
        #expect(reports[0].count > 2 && reports[0].last?.examples == 45)
        #expect(reports.allSatisfy { $0 == reports[0] })
    }

    // MARK: reports that differ

    @Test(arguments: [true, false]) func `a report that differs from those of most costs its sender its place`(
        _ isNorm: Bool
    ) throws {
        let simulation = try Simulation(workers: 3, totalSteps: 8, local: false)
        simulation.disturb = { number, _, result in
            guard number == 0, case .stepped(let generation, let step, var report) = result, step == 2 else {
                return result
            }
            if isNorm { report.gradientNorm = report.gradientNorm.nextUp } else { report.lossSums[0] += 1 }
            return .stepped(generation: generation, step: step, report)
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        #expect(lost(simulation).count == 1)
        #expect(lost(simulation).first?.contains("(pid 100 on h) was sent away: it sent a gradient norm of") == true)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `where two reports differ the weights decide`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 8)
        simulation.disturb = { number, _, result in
            guard number == 1, case .stepped(let generation, let step, var report) = result, step == 2 else {
                return result
            }
            report.gradientNorm = report.gradientNorm.nextUp
            return .stepped(generation: generation, step: step, report)
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        let warnings = simulation.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(warnings.contains { $0.contains("their weights are compared") })
    }

    @Test(arguments: [2, 3]) func `weights that differ are found out`(_ workers: Int) throws {
        let simulation = try Simulation(workers: workers, totalSteps: 8, local: false)
        simulation.disturb = { number, _, result in
            if number == 1, case .digest(let generation, _) = result {
                return .digest(generation: generation, String(repeating: "b", count: 64))
            }
            return result
        }
        #expect(simulation.run(seconds: 60))
        if workers == 2 {
            #expect(simulation.error?.contains("the replicas differ: the weights of worker 0") == true)
        } else {
            #expect(simulation.error == nil)
            #expect(lost(simulation).first?.contains("(pid 101 on h) was sent away: it sent the SHA-256 bbb") == true)
            #expect(simulation.difference(from: try Self.calm()) == nil)
        }
    }

    // MARK: failures that come again

    @Test(arguments: [WorkerFailure.Kind.fatal, .order])
    func `a failure that comes again ends the run with its message`(
        _ kind: WorkerFailure.Kind
    ) throws {
        let simulation = try Simulation(workers: 1, totalSteps: 8) { $0.maxRestarts = 10 }
        simulation.disturb = { [unowned simulation] number, job, result in
            guard case .step(let generation, 3, _) = job else { return result }
            let text = "no more threads for process \(simulation.pid(number))"
            return .failed(generation: generation, WorkerFailure(kind: kind, phase: "step 4", message: text))
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error?.contains("no more threads") == true, "\(simulation.error ?? "")")
        // Its exit may be reported before its last message is read.
        #expect(simulation.restarts <= 4)
    }

    @Test func `exits by signals that people send are not failures of a worker`() {
        for why in [
            "was killed by signal 9 (Killed), saying \"x\",", "was killed by signal 15 (Terminated), saying \"x\",",
            "was killed by signal 11 (Segmentation fault)",
        ] { #expect(!RepeatedFailures.isOwnFailure(why, bySignal: true)) }
        for why in [
            "exited with code 0, saying \"x\",", "exited with code 1",
            "exited with code 1, saying \"the coordinator refused this worker: x\",",
        ] { #expect(!RepeatedFailures.isOwnFailure(why, bySignal: false)) }
        #expect(RepeatedFailures.isOwnFailure("exited with code 1, saying \"x\",", bySignal: false))
        #expect(RepeatedFailures.isOwnFailure("was killed by signal 6 (Aborted), saying \"x\",", bySignal: true))
        var failures = RepeatedFailures()
        let repeated = [
            failures.add("x of 17", process: 17, worker: 0, at: 3),
            failures.add("x of 17", process: 17, worker: 0, at: 3),
            failures.add("x of 21", process: 21, worker: 1, at: 3),
            failures.add("y of 18", process: 18, worker: 0, at: 3),
            failures.add("x of 18", process: 18, worker: 0, at: 3),
            failures.add("x of 19", process: 19, worker: 0, at: 4),
        ]
        #expect(repeated == [false, false, false, false, true, false])
    }
}
