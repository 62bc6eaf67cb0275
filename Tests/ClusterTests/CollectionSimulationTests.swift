import Foundation
import Testing
import Training

@testable import Cluster

/// Runs in the simulation whose first phase collects outputs, from which the head of the second one is computed.
@Suite struct CollectionSimulationTests {
    /// - Parameter steps: Of the second phase; with none, the run ends with what was computed.
    private static func shape(workers: Int, steps: Int, local: Bool = true) -> Simulation.Shape {
        var shape = Simulation.Shape()
        shape.workers = workers
        shape.microBatches = 8
        (shape.collects, shape.totalSteps, shape.local) = (37, steps, local)
        shape.weightCount = 64
        shape.change = {
            $0.checkpointEvery = 4
            $0.maxRestarts = 1000
            $0.joinTimeout = 1000
        }
        return shape
    }

    @Test(arguments: [1, 2, 3, 7]) func `a run without steps ends with what was computed`(workers: Int) throws {
        let simulation = try Simulation(Self.shape(workers: workers, steps: 0), seed: 1)
        simulation.settle()
        #expect(simulation.error == nil && simulation.wrongBits.isEmpty && simulation.refusals.isEmpty)
        #expect(simulation.isSolved && simulation.finalState == 1 && simulation.steps.isEmpty)
    }

    @Test func `a phase with steps goes on from what was computed`() throws {
        let runs = try [1, 3].map { workers in
            let simulation = try Simulation(Self.shape(workers: workers, steps: 9), seed: 1)
            simulation.settle()
            #expect(simulation.error == nil && simulation.wrongBits.isEmpty && simulation.refusals.isEmpty)
            #expect(simulation.isSolved && simulation.steps.map(\.step) == Array(1...9))
            return simulation
        }
        #expect(runs[0].difference(from: runs[1]) == nil)
    }

    @Test(arguments: [0, 9]) func `failures change nothing`(steps: Int) throws {
        for local in [true, false] {
            try ChaosSimulationTests.checkFailures(Self.shape(workers: 3, steps: steps, local: local), seeds: 1...150)
        }
    }

    @Test(arguments: [0, 9]) func `a coordinator that is started again collects again`(steps: Int) throws {
        for seed in 1...30 as ClosedRange<UInt64> {
            let simulation = try Simulation(Self.shape(workers: 2, steps: steps), seed: seed)
            var (isKilled, left) = (false, 5 + Int(seed) * 2)
            simulation.beforeDelivery = { simulation in
                guard !isKilled else { return }
                if case .evaluating = simulation.coordinator.training.stage { left -= 1 }
                guard left <= 0 else { return }
                isKilled = true
                simulation.killCoordinator()
            }
            _ = simulation.run(seconds: 3)
            guard isKilled else { continue }
            try simulation.restartCoordinator()
            #expect(simulation.run(seconds: 200), "seed \(seed): \(simulation.phaseName)")
            #expect(simulation.error == nil && simulation.wrongBits.isEmpty, "seed \(seed)")
            #expect(simulation.finalState != nil && simulation.steps.count == steps)
        }
    }
}
