import Collectives
import Foundation
import Testing

@testable import Cluster

/// Workers that do not reach each other, and workers whose keys are taken back.
@Suite struct ReachTests {
    private func warnings(_ simulation: Simulation) -> [String] {
        simulation.events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }

    private func lost(_ simulation: Simulation) -> [String] {
        simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
    }

    private static func calm() throws -> Simulation {
        let calm = try Simulation(workers: 3, local: false)
        #expect(calm.run())
        return calm
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `the worker that no other reaches is named and left out`(_ seed: UInt64) throws {
        let simulation = try Simulation(workers: 3, seed: seed, local: false)
        simulation.unreachable = [[0, 2], [1, 2]]
        #expect(simulation.run(), "\(simulation.events)")
        #expect(simulation.error == nil)
        let named = warnings(simulation).filter { $0.contains("cannot reach") }
        #expect(named.count == 2, "\(warnings(simulation))")
        // Numbers follow the order in which they came.
        #expect(named.allSatisfy { $0.contains(" at ipc:///d2; check firewalls, or give --address") }, "\(named)")
        #expect(named.allSatisfy { $0.hasPrefix("host h (rank ") })
        #expect(lost(simulation).count == 1)
        #expect(lost(simulation).first?.contains("is left out") == true)
        #expect(simulation.workerErrors[2]?.description.contains("do not reach each other") == true)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `a worker that reaches no other is the one left out`() throws {
        let simulation = try Simulation(workers: 4, local: false)
        simulation.unreachable = [[1, 0], [1, 2], [1, 3]]
        #expect(simulation.run())
        #expect(simulation.error == nil)
        #expect(simulation.workerErrors[1] != nil)
        #expect(simulation.workerErrors.count { $0 != nil } == 1)
        #expect(simulation.steps.count == 5)
    }

    @Test func `without enough others the run ends, and names the pair`() throws {
        let simulation = try Simulation(workers: 3, local: false) { $0.minWorkers = 3 }
        simulation.unreachable = [[0, 2]]
        #expect(simulation.run())
        let error = try #require(simulation.error)
        #expect(error.contains(" cannot reach host h (rank "), "\(error)")
        #expect(error.contains(" at ipc:///d2; check firewalls"))
        #expect(error.contains("fewer workers than --min-workers 3"))
        #expect(simulation.steps.isEmpty)
    }

    @Test func `fewer than were expected are enough only for those left out`() throws {
        // Of four, one is left out; three go on, and one that comes later takes part.
        let simulation = try Simulation(workers: 4, local: false) { $0.minWorkers = 2 }
        simulation.unreachable = [[0, 3], [1, 3], [2, 3]]
        #expect(simulation.run())
        #expect(simulation.error == nil)
        #expect(simulation.steps.count == 5)
        let sizes = Set(simulation.stepOrders.values.map(\.count))
        #expect(sizes == [3])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `a path that breaks in the middle costs one worker, and no bit`(_ seed: UInt64) throws {
        let simulation = try Simulation(workers: 3, seed: seed, local: false)
        var isBroken = false
        simulation.beforeDelivery = { simulation in
            guard !isBroken, simulation.steps.count == 2 else { return }
            isBroken = true
            simulation.unreachable = [[0, 1]]
            // Its peers miss it, and all come together anew.
            let failure = WorkerFailure(kind: .peer, phase: "step 3", message: "lost", peers: [1])
            simulation.coordinate(
                .message(
                    simulation.peer(0),
                    WorkerMessage(
                        generation: simulation.coordinator.membership.generation, step: 2, body: .failure(failure))))
        }
        #expect(simulation.run(), "\(simulation.events)")
        #expect(simulation.error == nil, "\(simulation.error ?? "")")
        #expect(isBroken)
        #expect(simulation.workerErrors.count { $0 != nil } == 1)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test(arguments: [0, 1, 2], [1, 2, 3] as [UInt64])
    func `a revoked key throws its worker out, and the others go on`(_ victim: Int, _ seed: UInt64) throws {
        let simulation = try Simulation(workers: 3, seed: seed, local: false)
        var isRevoked = false
        simulation.beforeDelivery = { simulation in
            guard !isRevoked, simulation.steps.count == 2 else { return }
            isRevoked = true
            simulation.coordinate(.revoked(simulation.peer(victim)))
        }
        #expect(simulation.run())
        #expect(simulation.error == nil)
        #expect(simulation.workerErrors[victim]?.description.contains("the key of this worker was revoked") == true)
        #expect(lost(simulation).count { $0.contains("was sent away, as its key was revoked,") } == 1)
        #expect(simulation.difference(from: try Self.calm()) == nil)
        #expect(simulation.wrongBits.isEmpty)
    }

    @Test func `revoking an unknown key changes nothing`() throws {
        let simulation = try Simulation(workers: 2, local: false)
        simulation.coordinate(.revoked(PeerID(bytes: [9, 9])))
        #expect(simulation.run())
        #expect(simulation.error == nil)
        #expect(lost(simulation).isEmpty)
    }

    @Test func `a worker without the right keys ends, and says so`() {
        var machine = WorkerMachine(
            WorkerDescription(host: "h", pid: 1, threads: 1, cpu: "c", instructionSet: "i"),
            options: WorkerOptions(coordinator: "tcp://h:1"), now: 0)
        _ = machine.start()
        guard case .end(.failure(let error)) = machine.handle(.handshake(.mechanismMismatch), now: 1).last else {
            Issue.record("it goes on")
            return
        }
        #expect(error.description.contains("wants keys: give --keys") == true)
    }

    @Test func `a worker that was welcome waits, whatever listens there now`() throws {
        var machine = WorkerMachine(
            WorkerDescription(host: "h", pid: 1, threads: 1, cpu: "c", instructionSet: "i"),
            options: WorkerOptions(coordinator: "tcp://h:1"), now: 0)
        _ = machine.start()
        let simulation = try Simulation(workers: 1)
        simulation.settle()
        let plan = try #require(simulation.coordinator.training.plan)
        _ = machine.handle(
            .message(CoordinatorMessage(generation: 0, step: 0, body: .welcome(plan.phases[0].welcome))), now: 1)
        var lines = 0
        for second in 0..<30 {
            for effect in machine.handle(.handshake(.mechanismMismatch), now: 1 + Double(second) / 10) {
                switch effect {
                case .log: lines += 1
                case .end: Issue.record("it has ended")
                default: break
                }
            }
        }
        #expect(lines == 1)
    }
}
