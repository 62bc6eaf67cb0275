import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Workers that fail, and workers that come later.
@Suite struct WorkerLossTests {
    private func result(_ simulation: Simulation) throws -> RunResult {
        guard case .success(let result) = simulation.outcome else {
            throw RunError.failed("the run ended with \(String(describing: simulation.outcome))")
        }
        return result
    }

    @Test(arguments: ["gathering", "connecting", "training", "evaluating", "verifying", "fetching"], [0, 2])
    func `the death of a worker in any phase changes nothing`(_ phase: String, _ restarts: Int) throws {
        let calm = try Simulation(workers: 3, validation: 6)
        calm.settle()
        let simulation = try Simulation(workers: 3, validation: 6) { $0.maxRestarts = restarts }
        var done = false
        simulation.beforeDelivery = { simulation in
            guard !done, simulation.phaseName == phase else { return }
            done = true
            simulation.kill(1)
        }
        #expect(simulation.run(seconds: restarts == 0 ? 100 : 20))
        #expect(done)
        if phase == "gathering" || phase == "connecting", restarts == 0 {
            // The run has not begun: it waits for as many workers as were asked for.
            #expect(try #require(simulation.error).contains("2 of 3 workers joined within 60 s"))
            return
        }
        #expect(try result(simulation).steps == 5)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.wrongBits.isEmpty)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        if phase != "gathering" {
            #expect(lost.contains { $0.contains("worker 1 (pid 101 on h) was killed by signal 9") })
        }
        #expect(simulation.restarts == min(1, restarts))
    }

    @Test func `a run without workers and restarts ends`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 50) { $0.maxRestarts = 1 }
        var killed = 0
        simulation.beforeDelivery = { simulation in
            guard simulation.steps.count > killed, case .training = simulation.coordinator.training.stage else {
                return
            }
            killed += 1
            for index in simulation.workers.indices { simulation.kill(index) }
        }
        #expect(simulation.run(seconds: 30))
        #expect(try #require(simulation.error).contains("--max-restarts 1 is used up"))
    }

    @Test func `a death while the model is written is no failure`() throws {
        let simulation = try Simulation(workers: 2)
        simulation.settle()
        simulation.kill(0)
        #expect(try result(simulation).steps == 5)
    }

    @Test func `a silent worker is missed after the time out`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 50)
        var killed = -1.0
        var next = -1.0
        simulation.beforeDelivery = { simulation in
            if killed < 0, simulation.steps.count == 10 {
                killed = simulation.now
                simulation.frozen.insert(0)
            }
            if next < 0, killed >= 0, simulation.steps.count > 14 { next = simulation.now }
        }
        #expect(simulation.run())
        #expect(try result(simulation).steps == 50)
        #expect(next - killed < 6.5)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("worker 0 (pid 100 on h) gave no sign of life for 5.0 s") })
    }

    @Test func `a worker that was stopped comes back`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 200, local: false)
        var stopped = -1.0
        simulation.beforeDelivery = { simulation in
            if stopped < 0, simulation.steps.count == 10 {
                stopped = simulation.now
                simulation.frozen.insert(0)
            } else if stopped >= 0, simulation.steps.count == 40 {
                simulation.frozen.remove(0)
            }
        }
        #expect(simulation.run())
        #expect(try result(simulation).workers == 2)
        #expect(simulation.workers.count == 2)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `a peer that does not answer is given up sooner than by its heartbeat`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 30, local: false)
        var killed = -1.0
        var next = -1.0
        simulation.beforeDelivery = { simulation in
            if killed < 0, simulation.steps.count == 10 {
                killed = simulation.now
                simulation.kill(0)
            }
            if next < 0, simulation.steps.count > 14 { next = simulation.now }
        }
        #expect(simulation.run())
        #expect(try result(simulation).steps == 30)
        #expect(next - killed <= 2)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("is missed by worker 1 (pid 101 on h) and does not answer") })
    }

    @Test func `below the minimum the others wait`() throws {
        let simulation = try Simulation(workers: 3, totalSteps: 30, local: false) { $0.minWorkers = 3 }
        var done = false
        simulation.beforeDelivery = { simulation in
            if !done, simulation.steps.count == 10 {
                done = true
                simulation.kill(0)
            }
        }
        #expect(!simulation.run(seconds: 20))
        #expect(simulation.steps.count < 15)
        simulation.startWorker(nil)
        #expect(simulation.run(seconds: 20))
        #expect(try result(simulation).steps == 30)
    }

    @Test func `who comes later takes part`() throws {
        let calm = try Simulation(workers: 1, totalSteps: 30)
        calm.settle()
        let simulation = try Simulation(workers: 1, totalSteps: 30, local: false)
        var joined = 0
        simulation.beforeDelivery = { simulation in
            if joined < 2, simulation.steps.count == 5 + 5 * joined {
                joined += 1
                simulation.startWorker(nil)
            }
        }
        #expect(simulation.run())
        #expect(try result(simulation).workers == 3)
        #expect(simulation.difference(from: calm) == nil)
        #expect(simulation.orders[29]?.count == 3)
    }
}
