import Foundation
import Testing

@testable import Cluster

/// Faults that are planted between the coordinator's decisions and what is done about them: the simulation must find
/// each.
@Suite struct PlantedFaultTests {
    private func simulation(local: Bool = true) throws -> Simulation {
        try Simulation(workers: 3, totalSteps: 12, local: local) { $0.checkpointEvery = 4 }
    }

    private func lost(_ simulation: Simulation) -> Int {
        simulation.events.count { if case .workerLost = $0 { true } else { false } }
    }

    @Test func `without a fault nothing is found`() throws {
        let (calm, other) = (try simulation(), try simulation())
        other.alter = { $0 }
        #expect(calm.run() && other.run())
        #expect(other.wrongBits.isEmpty && other.difference(from: calm) == nil && lost(other) == 0)
    }

    @Test func `a checkpoint of a step that is not applied yet is found`() throws {
        let simulation = try simulation()
        simulation.alter = { effect in
            guard case .saveCheckpoint(var state) = effect else { return effect }
            state.step += 1
            return .saveCheckpoint(state)
        }
        _ = simulation.run()
        #expect(simulation.wrongBits.contains { $0.contains("has another state") })
    }

    @Test func `a micro-batch that counts twice is found`() throws {
        let calm = try simulation()
        #expect(calm.run())
        let simulation = try simulation()
        simulation.alter = { effect in
            guard case .send(let peer, var message) = effect, case .step(var order) = message.body, message.step == 5,
                let first = order.batches.first, order.batches.count > 1
            else { return effect }
            order.batches[1] = first
            message.body = .step(order)
            return .send(peer, message)
        }
        _ = simulation.run()
        #expect(simulation.difference(from: calm) != nil)
    }

    @Test(arguments: [false, true]) func `a refutation that is lost is found`(_ isPlanted: Bool) throws {
        let simulation = try simulation(local: false)
        var isSuspected = false
        simulation.beforeDelivery = { simulation in
            guard !isSuspected, simulation.steps.count == 7, simulation.phaseName == "training" else { return }
            isSuspected = true
            let failure = WorkerFailure(kind: .peer, phase: "step 8", message: "no answer", peers: [1])
            simulation.coordinate(
                .message(
                    simulation.peer(0),
                    WorkerMessage(
                        generation: simulation.coordinator.membership.generation, step: 7, body: .failure(failure))))
            // It is silent meanwhile: only the probe makes it answer.
            simulation.toCoordinator[1].removeAll()
            simulation.stuck.insert(1)
        }
        if isPlanted {
            simulation.alter = { effect in
                if case .send(_, let message) = effect, case .heartbeat(wantsReply: true) = message.body { return nil }
                return effect
            }
        }
        _ = simulation.run(seconds: 2)
        simulation.stuck = []
        #expect(simulation.run())
        #expect(isSuspected && simulation.error == nil)
        #expect((lost(simulation) > 0) == isPlanted)
    }
}
