import Foundation
import Modeling
import Numerics
import Testing
import Training

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
        // The moments of what is trained take one chunk, the weights two.
        #expect(simulation.stored == [[1, 0], [1, 1], [2, 0]])
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
        #expect(short.allSatisfy { $0.gradientDivisor == 2 && $0.microBatchCount == 2 })
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
}
