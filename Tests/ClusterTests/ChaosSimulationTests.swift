import Foundation
import Numerics
import Testing
import Training

@testable import Cluster

/// Thousands of interleavings of failures, in simulated time: whatever happens to workers and coordinators, the run
/// ends with the same bits and the same log as one to which nothing happened. (The way of FoundationDB's simulation:
/// Zhou et al., "FoundationDB: A Distributed Unbundled Transactional Key Value Store", 2021.)
@Suite struct ChaosSimulationTests {
    static let shapes: [Simulation.Shape] = {
        var shapes: [Simulation.Shape] = []
        for (workers, schedule, validation, local, best) in [
            (3, ScheduleKind.linear, nil, true, nil), (2, .plateau, 6, true, nil), (4, .cosine, 5, false, nil),
            (1, .linear, 5, true, nil), (3, .plateau, nil, false, nil), (3, .linear, 6, true, 12),
            (2, .plateau, 6, false, 15),
            (2, .cosine, 6, true, 24),
        ] as [(Int, ScheduleKind, Int?, Bool, Int?)] {
            var shape = Simulation.Shape()
            shape.workers = workers
            shape.totalSteps = 24
            shape.schedule = schedule
            shape.validation = validation
            shape.local = local
            shape.bestStep = best
            // A chunk is a megabyte, which is much for thousands of runs.
            shape.weightCount = 64
            shape.change = {
                $0.checkpointEvery = 4
                $0.keepsBest = best != nil
                $0.maxRestarts = 1000
                // All workers may be lost where none is started again.
                $0.joinTimeout = 1000
            }
            shapes.append(shape)
        }
        return shapes
    }()

    /// The number of seeds a shape: SHOAL_CHAOS_SEEDS, for a long search.
    private static let seeds = UInt64(ProcessInfo.processInfo.environment["SHOAL_CHAOS_SEEDS"] ?? "") ?? 250

    @Test(arguments: [5, 6, 7]) func `the model is the best state, whatever became of the last`(_ which: Int) throws {
        let shape = Self.shapes[which]
        let calm = try Simulation(shape, seed: 0)
        calm.settle()
        guard case .success(let result) = calm.outcome else {
            Issue.record("\(calm.error ?? "no end")")
            return
        }
        #expect(result.modelStep == shape.bestStep && result.bestValidation?.step == shape.bestStep)
        #expect(result.steps == shape.totalSteps)
        #expect(calm.finalState == calm.trajectory[UInt64(result.modelStep ?? 0)])
        let test = calm.evaluations.last { $0.kind == .test }
        let validation = calm.evaluations.first { $0.kind == .validation && $0.step == shape.bestStep }
        #expect(test?.modelStep == (shape.bestStep == shape.totalSteps ? nil : shape.bestStep))
        // Seven examples, and six: the loss of either shows which state it is of.
        #expect(abs((test?.metrics.loss ?? 0) - (validation?.metrics.loss ?? 1)) < 0.05)
    }

    @Test(arguments: 0..<8) func `failures change nothing`(_ which: Int) throws {
        try Self.checkFailures(Self.shapes[which], seeds: 1...Self.seeds)
    }

    /// Runs of this shape with failures by each seed end with what a run without failures ends with.
    static func checkFailures(_ shape: Simulation.Shape, seeds: ClosedRange<UInt64>) throws {
        let calm = try Simulation(shape, seed: 0)
        calm.settle()
        #expect(calm.outcome != nil && calm.error == nil, "\(calm.error ?? calm.phaseName)")
        for seed in seeds {
            let simulation = try Simulation(shape, seed: seed)
            let trouble = Trouble(seed: seed)
            simulation.beforeDelivery = { trouble.strike($0) }
            var seconds = 0
            while simulation.outcome == nil, seconds < 2000 {
                _ = simulation.run(seconds: 1)
                seconds += 1
                try trouble.betweenTicks(simulation)
            }
            let ended: Bool = if case .success = simulation.outcome { true } else { false }
            #expect(ended, "seed \(seed): \(simulation.error ?? "no end") in phase \(simulation.coordinator.phase)")
            #expect(simulation.difference(from: calm) == nil, "seed \(seed)")
            #expect(simulation.refusals.isEmpty, "seed \(seed): \(simulation.refusals)")
            #expect(simulation.wrongBits.isEmpty, "seed \(seed): \(simulation.wrongBits.first ?? "")")
            if !ended || simulation.difference(from: calm) != nil { return }
        }
    }

    /// What goes wrong, by a seed: for a while, then no more.
    final class Trouble {
        private var random: PhiloxStream
        private var left: Int
        private let rarity: Int

        init(seed: UInt64) {
            random = PhiloxStream(seed: seed, purpose: .split)
            left = 1 + random.next(below: 25)
            rarity = 10 + random.next(below: 120)
        }

        func strike(_ simulation: Simulation) {
            guard left > 0, simulation.outcome == nil, random.next(below: rarity) == 0 else { return }
            left -= 1
            let living = simulation.workers.indices.filter { simulation.workers[$0] != nil }
            let index = living.isEmpty ? nil : living[random.next(below: living.count)]
            switch random.next(below: 10) {
            case 0, 1, 2: if let index { simulation.kill(index) }
            case 3: if let index { simulation.kill(index, tellingParent: simulation.shape.local) }
            case 4: if let index { simulation.frozen.insert(index) }
            case 5: if let index { simulation.frozen.remove(index) }
            case 6: if living.count < 6 { simulation.startWorker(nil) }
            case 7: simulation.killCoordinator()
            case 8: simulation.isDiskFull = true
            default: for index in living where random.next(below: 2) == 0 { simulation.kill(index) }
            }
        }

        func betweenTicks(_ simulation: Simulation) throws {
            if !simulation.isCoordinatorAlive, random.next(below: 4) == 0 { try simulation.restartCoordinator() }
            if random.next(below: 6) == 0, let index = simulation.frozen.first { simulation.frozen.remove(index) }
            guard !simulation.shape.local else { return }
            // A user starts workers by hand where there are too few.
            let living = simulation.workers.count { $0 != nil }
            if living < simulation.shape.workers, random.next(below: 3) == 0 { simulation.startWorker(nil) }
        }
    }
}
