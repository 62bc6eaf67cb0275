import Foundation
import Testing
import Training

@testable import Cluster

/// Runs in the simulation whose first phase collects outputs, from which the head of the second one is computed.
@Suite struct CollectionSimulationTests {
    /// - Parameter steps: Of the second phase; with none, the run ends with what was computed.
    static func shape(workers: Int, steps: Int, local: Bool = true) -> Simulation.Shape {
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

    @Test(arguments: [0, 9], [false, true]) func `failures change nothing`(steps: Int, caches: Bool) throws {
        for local in [true, false] {
            var shape = Self.shape(workers: 3, steps: steps, local: local)
            shape.caches = caches
            try ChaosSimulationTests.checkFailures(shape, seeds: 1...150)
        }
    }

    @Test func `what is in the cache is not computed again`() throws {
        var shape = Self.shape(workers: 2, steps: 0)
        shape.caches = true
        let first = try Simulation(shape, seed: 1)
        first.settle()
        // 37 examples in micro-batches of two.
        #expect(first.error == nil && first.isSolved && first.keptBatches == 19 && first.cache.count == 19)
        for missing in [[], [0], [18], [3, 4, 5, 11], Array(0..<19)] {
            let second = try Simulation(shape, seed: 2)
            second.cache = first.cache.filter { !missing.contains($0.key) }
            // Those of another length are none of this run's.
            if let wrong = first.cache[18], missing.isEmpty { second.cache[40] = wrong }
            second.settle()
            #expect(second.error == nil && second.isSolved && second.wrongBits.isEmpty && second.refusals.isEmpty)
            #expect(second.keptBatches == missing.count)
            let found = second.events.contains {
                if case .notice("\(19 - missing.count) of 19 batches of embeddings were cached") = $0 {
                    true
                } else {
                    false
                }
            }
            #expect(found, "\(missing)")
        }
    }

    @Test func `a coordinator that is started again computes what its predecessor had not kept`() throws {
        var shape = Self.shape(workers: 2, steps: 0)
        shape.caches = true
        for seed in 1...20 as ClosedRange<UInt64> {
            let simulation = try Simulation(shape, seed: seed)
            simulation.beforeDelivery = { simulation in
                if simulation.keptBatches >= 7, simulation.previousStarts == 0 { simulation.killCoordinator() }
            }
            _ = simulation.run(seconds: 3)
            let kept = simulation.keptBatches
            #expect((7..<19).contains(kept))
            try simulation.restartCoordinator()
            #expect(simulation.run(seconds: 200), "seed \(seed): \(simulation.phaseName)")
            #expect(simulation.error == nil && simulation.wrongBits.isEmpty && simulation.finalState != nil)
            #expect(simulation.keptBatches == 19, "seed \(seed)")
        }
    }

    @Test func `nothing is looked up where workers compute with different instructions`() throws {
        for (sets, isCached) in [
            (["AVX2", "AVX-512"], false), (["AVX2", "AVX2"], true), (["AVX-512", "AVX-512 with BF16"], true),
        ] {
            var shape = Self.shape(workers: 2, steps: 0)
            (shape.caches, shape.instructionSets) = (true, sets)
            let simulation = try Simulation(shape, seed: 1)
            simulation.settle()
            #expect(simulation.error == nil && simulation.isSolved && simulation.keptBatches == (isCached ? 19 : 0))
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
