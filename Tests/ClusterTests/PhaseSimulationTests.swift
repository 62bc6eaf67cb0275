import Foundation
import Testing
import Training

@testable import Cluster

/// Runs of two phases in the simulation: the number that stands for the weights is another one in the second phase, and
/// follows from the one before.
@Suite struct PhaseSimulationTests {
    private static func shape(
        workers: Int, schedule: ScheduleKind = .linear, validation: Int? = nil, local: Bool = true, best: Int? = nil,
        checkpointEvery: Int? = 4
    ) -> Simulation.Shape {
        var shape = Simulation.Shape()
        shape.workers = workers
        shape.microBatches = 8
        shape.totalSteps = 20
        // Not the end of an epoch, of which each has three steps.
        shape.secondPhase = 10
        shape.schedule = schedule
        shape.validation = validation
        shape.local = local
        shape.bestStep = best
        shape.weightCount = 64
        shape.change = {
            $0.checkpointEvery = checkpointEvery
            $0.keepsBest = best != nil
            $0.maxRestarts = 1000
            $0.joinTimeout = 1000
        }
        return shape
    }

    static let shapes = [
        shape(workers: 3), shape(workers: 2, schedule: .plateau, validation: 6), shape(workers: 4, local: false),
        shape(workers: 1, schedule: .cosine, validation: 5), shape(workers: 3, validation: 6, best: 16),
        shape(workers: 2, schedule: .plateau, checkpointEvery: nil),
    ]

    @Test func `the second phase begins with the first one's weights, its own schedule and its own order`() throws {
        let simulation = try Simulation(Self.shape(workers: 2), seed: 1)
        simulation.settle()
        #expect(simulation.error == nil && simulation.wrongBits.isEmpty && simulation.refusals.isEmpty)
        #expect(simulation.steps.map(\.step) == Array(1...20))
        #expect(simulation.steps.map(\.phase) == [Int?](repeating: 1, count: 10) + [Int?](repeating: 2, count: 10))
        #expect(simulation.steps[10].epoch == 1 && simulation.steps[19].epoch == 4)
        // From 1 to 0, then from 1/2 to 0.
        #expect(simulation.steps[0].learningRate == 1 && simulation.steps[10].learningRate == 0.5)
        #expect(abs(simulation.steps[19].learningRate - 0.05) < 1e-9)
        let end = try #require(simulation.trajectory[Simulation.place(10, firstStep: 0)])
        #expect(simulation.trajectory[Simulation.place(10, firstStep: 10)] == end &* 31 &+ 7)
        #expect(simulation.disk[10]?.state.phase == 0 && simulation.disk[10]?.state.appliedSteps == 10)
        #expect(simulation.disk[12]?.state.phase == 1 && simulation.disk[12]?.state.appliedSteps == 2)
        func samples(_ step: Int) -> [UInt32] {
            (simulation.orders[step] ?? [:]).sorted { $0.key < $1.key }
                .flatMap { $0.value.batches.flatMap(\.sampleKeys) }
        }
        #expect(samples(0) != samples(10) && samples(0).count == 8 && samples(10).count == 8)
    }

    @Test func `the number of workers does not change a bit`() throws {
        let runs = try [1, 2, 3, 7].map { workers in
            let simulation = try Simulation(Self.shape(workers: workers), seed: 1)
            simulation.settle()
            return simulation
        }
        for run in runs {
            #expect(run.error == nil && run.finalState != nil)
            #expect(run.difference(from: runs[0]) == nil)
        }
    }

    @Test func `a status names the phase where there is more than one`() throws {
        let two = try Simulation(Self.shape(workers: 2), seed: 1)
        two.beforeDelivery = { simulation in
            let status = simulation.coordinator.status(0, process: Samples.process)
            #expect(status.trainingPhases == 2)
            #expect(status.trainingPhase == (simulation.coordinator.training.phases?.index ?? 0) + 1)
        }
        two.settle()
        let one = try Simulation(workers: 2)
        one.settle()
        let json = one.coordinator.status(0, process: Samples.process).json()
        #expect(!json.contains("training_phase"))
        #expect(one.steps.allSatisfy { $0.phase == nil })
        #expect(one.disk.values.allSatisfy { $0.state.phase == 0 && $0.state.appliedSteps == $0.state.step })
    }

    @Test(arguments: [10, 11, 15, 19]) func `a coordinator is started again in the second phase`(_ at: Int) throws {
        let calm = try Simulation(Self.shape(workers: 2, validation: 5), seed: 1)
        calm.settle()
        for seed in 1...20 as ClosedRange<UInt64> {
            let simulation = try Simulation(Self.shape(workers: 2, validation: 5), seed: seed)
            var isKilled = false
            simulation.beforeDelivery = { simulation in
                guard !isKilled, simulation.coordinator.training.phases?.index == 1,
                    simulation.coordinator.training.steps.completed >= at
                else { return }
                isKilled = true
                // With some of the workers' states, or with none.
                if seed % 2 == 0 { for index in simulation.workers.indices { simulation.kill(index) } }
                simulation.killCoordinator()
            }
            _ = simulation.run(seconds: 3)
            #expect(isKilled)
            try simulation.restartCoordinator()
            #expect(simulation.run(seconds: 200), "seed \(seed): \(simulation.phaseName)")
            #expect(simulation.error == nil && simulation.wrongBits.isEmpty && simulation.refusals.isEmpty)
            #expect(simulation.difference(from: calm) == nil, "seed \(seed)")
        }
    }

    @Test func `a state at the end of a phase that cannot be kept is tried again`() throws {
        let simulation = try Simulation(Self.shape(workers: 2, checkpointEvery: nil), seed: 1)
        simulation.isDiskFull = true
        #expect(simulation.run())
        #expect(simulation.error == nil && simulation.disk.keys.contains(10))
        let warnings = simulation.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(warnings.contains { $0.hasPrefix("the state at the end of a phase could not be kept") })
    }

    @Test func `a checkpoint of the end of a phase that is lost is written again`() throws {
        let simulation = try Simulation(Self.shape(workers: 2), seed: 1)
        var losses = 0
        simulation.alter = { [unowned simulation] effect in
            if case .loadSource = effect, losses < 3 {
                losses += 1
                simulation.disk[10] = nil
            }
            return effect
        }
        #expect(simulation.run())
        let calm = try Simulation(Self.shape(workers: 2), seed: 2)
        calm.settle()
        #expect(losses == 3 && simulation.error == nil && simulation.difference(from: calm) == nil)
    }

    @Test(arguments: 0..<6) func `failures change nothing`(_ which: Int) throws {
        try ChaosSimulationTests.checkFailures(Self.shapes[which], seeds: 1...150)
    }
}
