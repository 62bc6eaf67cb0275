import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Checkpoints, interrupts, and coordinators that are started again.
@Suite struct ResumingTests {
    private func result(_ simulation: Simulation) throws -> RunResult {
        guard case .success(let result) = simulation.outcome else {
            throw RunError.failed("the run ended with \(String(describing: simulation.outcome))")
        }
        return result
    }

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
        // The moments of what is trained take one chunk, the weights two.
        #expect(simulation.stored == [[1, 0], [1, 1], [2, 0]])
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
}
