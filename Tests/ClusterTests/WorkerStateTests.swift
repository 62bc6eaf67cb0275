import Foundation
import Testing

@testable import Cluster

/// The worker's machine alone, fed by hand.
struct WorkerStateTests {
    private static func order() -> StepOrder {
        StepOrder(
            learningRate: 0.1, microBatchCount: 0, partition: [0..<0], gradientDivisor: 0, embeddingRows: [],
            batches: [])
    }

    /// A machine that was welcome.
    private static func welcomed() throws -> (WorkerMachine, Welcome) {
        let simulation = try Simulation(workers: 1)
        simulation.settle()
        let plan = try #require(simulation.coordinator.training.plan)
        var machine = WorkerMachine(
            WorkerDescription(host: "h", pid: 1, threads: 1, cpu: "c", instructionSet: "i"),
            options: WorkerOptions(coordinator: "tcp://h:1"), residentBytes: 5, now: 0)
        _ = machine.start()
        _ = machine.handle(.message(.init(generation: 0, step: 0, body: .welcome(plan.phases[0].welcome))), now: 0)
        return (machine, plan.phases[0].welcome)
    }

    private static func send(
        _ body: CoordinatorMessage.Body, step: UInt64 = 0, to machine: inout WorkerMachine
    ) -> [WorkerMachine.Effect] {
        machine.handle(.message(.init(generation: 1, step: step, body: body)), now: 0)
    }

    /// A machine that is ready for step 3, after it has loaded the state.
    private static func ready() throws -> WorkerMachine {
        var (machine, welcome) = try welcomed()
        _ = send(.membership(rank: 0, worldSize: 1), to: &machine)
        _ = machine.handle(.result(.bound(generation: 1, endpoint: "ipc:///a")), now: 0)
        _ = send(.peers(["ipc:///a"], load: [PartToLoad(part: .weights)]), step: 3, to: &machine)
        _ = machine.handle(.result(.connected(generation: 1)), now: 0)
        let map = welcome.shape.chunks(.weights)
        for index in 0..<map.count {
            let floats = map.range(index)?.count ?? 0
            _ = send(.chunk(.weights, index: index, payload: Data(count: floats * 4)), to: &machine)
        }
        #expect(machine.membership.assembly?.receiver?.isComplete == true)
        let effects = machine.handle(.result(.loaded(generation: 1, step: 3)), now: 0)
        guard case .ready = machine.membership else {
            Issue.record("not ready: \(machine.membership)")
            return machine
        }
        #expect(effects.contains { if case .send(let message) = $0 { message.body == .ready } else { false } })
        return machine
    }

    private static func end(_ effects: [WorkerMachine.Effect]) -> Result<RunEnd, RunError>? {
        for case .end(let result) in effects { return result }
        return nil
    }

    @Test func `the reason for which a run ended is shown whole, if it is no essay`() throws {
        func line(_ reason: String) throws -> String {
            var (machine, _) = try Self.welcomed()
            let effects = Self.send(.shutdown(reason), to: &machine)
            return try #require(effects.compactMap { if case .log(let line) = $0 { line } else { nil } }.last)
        }
        let reason = String(repeating: "host a cannot reach host b; ", count: 14) + "give --min-workers 2"
        #expect(try line(reason).contains(reason))
        #expect(try line(String(repeating: reason, count: 50)).count < 800)
    }

    @Test func `orders are carried out one after the other, and another one is refused`() throws {
        var machine = try Self.ready()
        var effects = Self.send(.step(Self.order()), step: 3, to: &machine)
        #expect(effects.contains { if case .compute(.step) = $0 { true } else { false } })
        effects = Self.send(.step(Self.order()), step: 3, to: &machine)
        #expect(Self.end(effects) == .failure(.failed("step 4: an order that does not fit: expected step 5")))
        #expect(machine.hasEnded)
        effects = machine.handle(.tick(residentBytes: 1), now: 100)
        #expect(effects.isEmpty)
    }

    @Test func `after a failure orders wait for the next generation, and it is reported once`() throws {
        var machine = try Self.ready()
        let failure = WorkerFailure(kind: .peer, phase: "step 4", message: "a peer is gone")
        var effects = machine.handle(.result(.failed(generation: 1, failure)), now: 0)
        #expect(effects.count == 2)
        effects = machine.handle(.result(.failed(generation: 1, failure)), now: 0)
        effects += Self.send(.step(Self.order()), step: 3, to: &machine)
        effects += Self.send(.digestRequest, to: &machine)
        #expect(effects.isEmpty)
        effects = Self.send(.snapshotRequest([.weights]), step: 3, to: &machine)
        #expect(effects.contains { if case .compute(.snapshot) = $0 { true } else { false } })
        #expect(!machine.hasEnded)
        _ = machine.handle(
            .message(.init(generation: 2, step: 0, body: .membership(rank: 0, worldSize: 1))), now: 0)
        guard case .joining(let world) = machine.membership else {
            Issue.record("not joining: \(machine.membership)")
            return
        }
        #expect(world == .init(generation: 2, rank: 0, size: 1))
    }

    @Test func `an order before there is a place for it ends the worker`() throws {
        var (machine, _) = try Self.welcomed()
        let effects = machine.handle(
            .message(.init(generation: 0, step: 0, body: .step(Self.order()))), now: 0)
        #expect(
            Self.end(effects) == .failure(.failed("joining: an order before this worker had a place in a generation")))
    }

    @Test func `a heartbeat has the memory that the last tick said`() throws {
        var (machine, _) = try Self.welcomed()
        func bytes(_ effects: [WorkerMachine.Effect]) -> UInt64? {
            for case .send(let message) in effects {
                if case .heartbeat(let bytes) = message.body { return bytes }
            }
            return nil
        }
        let request = CoordinatorMessage(generation: 0, step: 0, body: .heartbeat(wantsReply: true))
        let first = bytes(machine.handle(.message(request), now: 0))
        let second = bytes(machine.handle(.tick(residentBytes: 77), now: 1.5))
        #expect(first == 5)
        #expect(second == 77)
    }

    @Test func `how the run ended decides about the exit code`() throws {
        var (machine, welcome) = try Self.welcomed()
        var ended = Self.end(Self.send(.shutdown("the run is complete", isComplete: true), to: &machine))
        #expect(ended == .success(.complete))
        (machine, welcome) = try Self.welcomed()
        ended = Self.end(Self.send(.shutdown("interrupted"), to: &machine))
        #expect(ended == .success(.incomplete))
        (machine, welcome) = try Self.welcomed()
        var effects: [WorkerMachine.Effect] = []
        var now = 0.0
        while Self.end(effects) == nil, now < 10_000 {
            now += 1
            effects = machine.handle(.tick(residentBytes: 1), now: now)
        }
        #expect(now > welcome.orphanTimeout)
        guard case .failure(let error) = Self.end(effects) else {
            Issue.record("it waits for ever")
            return
        }
        #expect(error.exitCode == 75, "\(error)")
        #expect(error.description.contains("gave no sign of life"))
        #expect(effects.contains { if case .removeSockets = $0 { true } else { false } })
    }

    @Test func `another run's welcome ends a worker, the same run's does not`() throws {
        var (machine, welcome) = try Self.welcomed()
        var again = welcome
        again.heartbeatTimeout += 1
        var effects = Self.send(.welcome(again), to: &machine)
        #expect(effects.isEmpty)
        again.runID += "x"
        effects = Self.send(.welcome(again), to: &machine)
        let ended = Self.end(effects)
        #expect(ended == .failure(.failed("the coordinator at tcp://h:1 has begun another run")))
    }

    @Test func `another phase makes a worker forget its state, whatever of the one before is reported later`() throws {
        var machine = try Self.ready()
        var (_, welcome) = try Self.welcomed()
        welcome.firstStep = 3
        let effects = machine.handle(.message(.init(generation: 0, step: 0, body: .welcome(welcome))), now: 1)
        let prepares = effects.contains { if case .compute(.prepare) = $0 { true } else { false } }
        #expect(prepares && !machine.held.isWhole)
        _ = machine.handle(.result(.loaded(generation: 1, step: 3)), now: 1)
        #expect(!machine.held.isWhole, "of the replica that is gone")
        _ = machine.handle(.result(.prepared), now: 1)
        let joined = machine.handle(
            .message(.init(generation: 2, step: 0, body: .membership(rank: 0, worldSize: 1))), now: 1)
        #expect(joined.contains { if case .compute(.join(2, 0, 1, _)) = $0 { true } else { false } })
        let bound = machine.handle(.result(.bound(generation: 2, endpoint: "ipc:///a")), now: 1)
        let report = bound.compactMap { if case .send(let message) = $0 { message.body } else { nil } }
        #expect(report == [.bound(endpoint: "ipc:///a", hasState: false, records: [])])

        // The same phase again, from a coordinator that was started again, changes nothing.
        let again = machine.handle(.message(.init(generation: 0, step: 0, body: .welcome(welcome))), now: 1)
        #expect(again.isEmpty)
        welcome.seed += 1
        let other = machine.handle(.message(.init(generation: 0, step: 0, body: .welcome(welcome))), now: 1)
        #expect(other.contains { if case .end(.failure) = $0 { true } else { false } })
    }
}
