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
        var (isSuspected, isAsked, isOver) = (false, false, false)
        simulation.beforeDelivery = { simulation in
            // Only the coordinator's question makes it answer: the heartbeats that it sends by itself are late.
            if isSuspected && !isAsked && !isOver { simulation.toCoordinator[1].removeAll() }
            guard !isSuspected, simulation.steps.count == 5, simulation.phaseName == "training",
                let rank = simulation.replicas[1].joined?.rank
            else { return }
            isSuspected = true
            let failure = WorkerFailure(kind: .peer, phase: "step 6", message: "no answer", peers: [rank])
            simulation.coordinate(
                .message(
                    simulation.peer(0),
                    WorkerMessage(
                        generation: simulation.coordinator.membership.generation, step: 5, body: .failure(failure))))
            simulation.toCoordinator[1].removeAll()
            simulation.stuck.insert(1)
        }
        simulation.alter = { effect in
            guard case .send(_, let message) = effect, case .heartbeat(wantsReply: true) = message.body else {
                return effect
            }
            if !isPlanted { isAsked = true }
            return isPlanted ? nil : effect
        }
        _ = simulation.run(seconds: 2)
        isOver = true
        simulation.stuck = []
        #expect(simulation.run())
        #expect(isSuspected && simulation.error == nil)
        #expect((lost(simulation) > 0) == isPlanted)
    }
}
