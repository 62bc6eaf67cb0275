import Foundation
import Numerics
import Testing

@testable import Collectives

/// A member of the generation that floods, or counts steps as it likes: it is named, and the wait ends.
@Suite struct MisbehavingPeerTests {
    typealias Header = AllReduceHeader

    private static func piggyback(_ step: UInt64, _ bytes: Int) -> [[UInt8]] {
        let header = HostileMessageTests.header(.piggyback) { ($0.step, $0.count) = (step, UInt32(bytes)) }
        return [header, [UInt8](repeating: 1, count: bytes)]
    }

    private static func flood(_ kind: Header.Kind) -> [[[UInt8]]] {
        (0..<70).map { _ in [HostileMessageTests.header(kind) { $0.step = 1 }] }
    }

    /// What a peer sends once the step 1 has begun, and what is reported of it.
    private static let floods: [(String, [[[UInt8]]])] = [
        ("messages of several steps to come", [piggyback(2, 1), piggyback(3, 1)]),
        ("messages that wait for a step to come", (0..<40).map { _ in piggyback(2, 1000) }),
        ("MiB in", (0..<4).map { _ in piggyback(2, 40_000) }),
        ("messages that do not belong to the step", flood(.taken)),
        ("messages that do not belong to the step", flood(.begin)),
    ]

    @Test(arguments: floods.indices) func `a peer that floods is named at once`(_ index: Int) throws {
        let (expected, messages) = Self.floods[index]
        let (error, _) = try Self.play(sends: messages)
        guard case .incompatiblePeer(let peer, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(peer.rank == 1)
        #expect(reason.contains(expected), "\(reason)")
    }

    @Test func `what is kept between steps is bounded and its sender named when the step begins`() throws {
        // Of step 2, where step 1 comes next.
        let (error, _) = try Self.play(
            sends: (0..<200).map { _ in Self.piggyback(2, 10_000) }, beforeBegin: true)
        guard case .incompatiblePeer(let peer, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(peer.rank == 1)
        #expect(reason == "it sent a message of step 2 before step 1")
    }

    @Test func `a few messages that do not belong are only refused`() throws {
        let few = (0..<20).map { _ in [HostileMessageTests.header(.taken) { $0.step = 1 }] }
        let (error, refused) = try Self.play(sends: few)
        guard case .timeout = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refused == 20)
    }

    @Test func `what has come for the next step is used when it begins`() throws {
        let world = SimulatedWorld(2, options: SimulatedWorld.options)
        world.connect()
        let first = [try world.begin(0), try world.begin(1)]
        try world.finish(0)
        try world.finish(1)
        for rank in 0...1 { #expect(try world.engines[rank]?.mailbox.fetch() != nil) }
        let ahead = try world.begin(1, step: 2)
        try world.finish(1)
        #expect(world.state(1) == .finishing && world.state(0) == .idle)
        let behind = try world.begin(0, step: 2)
        try world.finish(0)
        #expect(ahead.bits == behind.bits)
        guard case .finished = world.state(0), case .finished = world.state(1) else {
            Issue.record("\(String(describing: world.state(0))) \(String(describing: world.state(1)))")
            return
        }
        withExtendedLifetime(first) {}
    }

    @Test func `an unauthenticated sender of many bad messages loses its connection`() {
        let world = SimulatedWorld(2)
        world.add(0, options: SimulatedWorld.options)
        for _ in 0..<70 { world.network.deliver([[1, 2, 3]], from: [77], to: 0, connection: 5) }
        world.network.deliver([[1, 2, 3]], from: [78], to: 0, connection: 6)
        world.settle()
        #expect(world.transports[0]?.ended == [5])
        #expect(world.refusals[0]?.count == 71)
        #expect(world.failure(0) == nil)
        #expect(world.lines.values == ["refused a message from an unknown sender: a header of 3 bytes"])
    }

    /// Rank 0 begins step 1, whose other rank sends these messages; what it failed with, and how many it refused.
    private static func play(
        sends messages: [[[UInt8]]], beforeBegin: Bool = false
    ) throws -> (AllReduceError?, Int) {
        var options = SimulatedWorld.options
        options.early.maxBytes = 100_000
        options.early.maxMessages = 30
        let world = SimulatedWorld(2)
        world.add(0, options: options, generation: 3)
        world.meetScriptedPeers(0)
        #expect(world.state(0) == .idle)
        func send() {
            for message in messages { world.network.deliver(message, from: InMemoryNetwork.connection(1), to: 0) }
            world.settle()
        }
        if beforeBegin { send() }
        let buffer = try world.begin(0, floats: 4096)
        try world.finish(0)
        if !beforeBegin { send() }
        if world.failure(0) == nil { world.advance(60) }
        return withExtendedLifetime(buffer) { (world.failure(0), world.refusals[0]?.count ?? 0) }
    }
}
