import Foundation
import Testing

@testable import Cluster

/// Workers that send heartbeats and do no work.
@Suite struct StallingTests {
    private func lost(_ simulation: Simulation) -> [String] {
        simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
    }

    private static func simulation(_ seed: UInt64 = 1) throws -> Simulation {
        try Simulation(workers: 3, totalSteps: 12, validation: 9, seed: seed, local: false) {
            $0.checkpointEvery = 4
        }
    }

    @Test(arguments: ["training", "evaluating", "verifying", "fetching"], [1, 2, 3] as [UInt64])
    func `a worker that does nothing is named and the run goes on without it`(_ phase: String, _ seed: UInt64) throws {
        let calm = try Self.simulation()
        #expect(calm.run())
        let simulation = try Self.simulation(seed)
        var since: Double?
        simulation.beforeDelivery = { simulation in
            guard since == nil, simulation.steps.count >= 2, simulation.phaseName == phase else {
                return
            }
            since = simulation.now
            // The state is fetched from the first.
            let members = simulation.coordinator.membership.members
            let place = phase == "fetching" ? members.first : members.last
            simulation.stuck.insert((place?.worker.pid ?? 0) - simulation.pid(0))
        }
        #expect(simulation.run(seconds: 400))
        #expect(simulation.error == nil)
        #expect(lost(simulation).count == 1, "\(lost(simulation))")
        #expect(lost(simulation).first?.contains("did none of its work for") == true, "\(lost(simulation))")
        #expect(simulation.now - (since ?? 0) >= 59 && simulation.now - (since ?? 0) < 140)
        #expect(simulation.workerErrors.compactMap { $0 }.first?.description.contains("while others waited") == true)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func `one that joins and never does anything is left out`(_ seed: UInt64)
        throws
    {
        let calm = try Self.simulation()
        #expect(calm.run())
        let simulation = try Self.simulation(seed)
        var isDone = false
        simulation.beforeDelivery = { simulation in
            guard !isDone, simulation.steps.count == 4 else { return }
            isDone = true
            simulation.stuck.insert(simulation.workers.count)
            simulation.startWorker(nil)
        }
        #expect(simulation.run(seconds: 400))
        #expect(simulation.error == nil)
        #expect(lost(simulation).count == 1)
        #expect(simulation.difference(from: calm) == nil)
    }

    @Test func `where all are slow none is lost`() throws {
        // Without checkpoints: a state that is being fetched is owed by one alone.
        let simulation = try Simulation(workers: 3, totalSteps: 12, validation: 9, local: false)
        simulation.stepTimeout = 1000
        var since: Double?
        simulation.beforeDelivery = { simulation in
            guard since == nil, let flight = simulation.coordinator.training.steps.inFlight.first, flight.step >= 4,
                flight.reports.allSatisfy({ $0 == nil }),
                !simulation.reductions.keys.contains(where: { $0.step == UInt64(flight.step) })
            else { return }
            since = simulation.now
            simulation.stuck = [0, 1, 2]
        }
        #expect(!simulation.run(seconds: 300))
        #expect(since != nil)
        simulation.stuck = []
        #expect(simulation.run())
        #expect(simulation.error == nil)
        #expect(lost(simulation).isEmpty)
    }

    @Test func `the limit follows the median of the steps`() throws {
        var detector = FailureDetector(CoordinatorSettings(workers: 1, local: true))
        #expect(detector.stallLimit == 600)
        detector.stepCompleted(seconds: 0.1)
        #expect(detector.stallLimit == 60)
        for seconds in [9.0, 10, 11, 1000] { detector.stepCompleted(seconds: seconds) }
        #expect(detector.stallLimit == 200)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `a coordinator that was suspended blames no worker for it`(_ seed: UInt64) throws {
        let simulation = try Self.simulation(seed)
        var isDone = false
        simulation.beforeDelivery = { simulation in
            guard !isDone, case .evaluating = simulation.coordinator.training.stage else { return }
            isDone = true
            simulation.now += 1000
        }
        #expect(simulation.run(seconds: 1500))
        #expect(isDone && simulation.error == nil)
        #expect(lost(simulation).isEmpty, "\(lost(simulation))")
    }

    @Test(arguments: [2, 3]) func `one that others miss in every attempt is left out in the end`(_ workers: Int) throws
    {
        let simulation = try Simulation(workers: workers, totalSteps: 8, local: false)
        simulation.disturb = { [unowned simulation] number, job, result in
            // What worker 1 sends in a step is refused by its peers.
            guard case .step(let generation, 3, _) = job, simulation.workers[1] != nil,
                let bad = simulation.replicas[1].joined
            else { return result }
            if number == 1 { return nil }
            return .failed(
                generation: generation,
                WorkerFailure(kind: .peer, phase: "step 4", message: "does not fit", peers: [bad.rank]))
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        #expect(lost(simulation).count == 1)
        #expect(lost(simulation).first?.contains("was missed by others in 5 attempts in a row") == true)
    }
}
