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

    /// What a peer sends once the step 1 has begun, and what it is told of.
    private static let floods: [(String, [[[UInt8]]])] = [
        ("messages of several steps to come", [piggyback(2, 1), piggyback(3, 1)]),
        ("messages that wait for a step to come", (0..<40).map { _ in piggyback(2, 1000) }),
        ("MiB in", (0..<4).map { _ in piggyback(2, 40_000) }),
        ("messages that do not belong to the step", flood(.taken)),
        ("messages that do not belong to the step", flood(.begin)),
    ]

    @Test(arguments: floods.indices) func `a peer that floods is named at once`(_ index: Int) throws {
        let (expected, messages) = Self.floods[index]
        let (error, _) = try Self.play(begins: 1, sends: messages)
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
            begins: 1, sends: (0..<200).map { _ in Self.piggyback(2, 10_000) }, beforeBegin: true)
        guard case .incompatiblePeer(let peer, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(peer.rank == 1)
        #expect(reason == "it sent a message of step 2 before step 1")
    }

    @Test func `a few messages that do not belong are only refused`() throws {
        let few = (0..<20).map { _ in [HostileMessageTests.header(.taken) { $0.step = 1 }] }
        let (error, refused) = try Self.play(begins: 1, sends: few)
        guard case .timeout = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refused == 20)
    }

    @Test func `the time for a step follows the step before`() throws {
        var options = FailureTests.hasty
        options.timeouts.step = 0.1
        options.timeouts.firstStep = 0.4
        let world = try World(2, options: options)
        defer { world.close() }
        try world.connect()
        let started = Date()
        #expect(throws: AllReduceError.self) {
            _ = try FailureTests.job.run(
                world.reducers[0], step: 1, partition: [0..<2, 2..<4], singleLeaves: true, inPlace: true)
        }
        #expect(Date().timeIntervalSince(started) >= 0.39)
    }

    /// Rank 0 begins a step whose other rank sends these messages; what it failed with, and how many it refused.
    private static func play(
        begins step: UInt64, sends messages: [[[UInt8]]], beforeBegin: Bool = false
    ) throws -> (AllReduceError?, Int) {
        var options = AllReduceOptions()
        options.segmentFloats = 4096
        options.timeouts.step = 2
        options.timeouts.close = 0.1
        options.early.maxBytes = 100_000
        options.early.maxMessages = 30
        let victim = try AllReducer(
            rank: 0, worldSize: 2, generation: 3, bind: "tcp://127.0.0.1:*", options: options)
        defer { victim.close() }
        let endpoint = LockedArray<String>(repeating: "", count: 1)
        let (bound, begun, ended) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        let outcome = LockedArray<AllReduceError?>(repeating: nil, count: 1)
        let result = Floats(Array(repeating: 9, count: 4096))
        let own = Floats(Array(repeating: 1, count: 4096))
        let errors = World.parallel(2) { thread in
            if thread == 0 {
                defer { ended.signal() }
                bound.wait()
                try victim.connect(to: ["", endpoint.values[0]])
                if beforeBegin { begun.wait() }
                try victim.begin(
                    ReductionStep(
                        number: step, tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2], buckets: [0..<4096],
                        result: result.pointer))
                let node = TreeNode(level: 0, index: 0)
                victim.submit(bucket: 0, contributions: [Contribution(node: node, base: own.pointer)])
                if !beforeBegin { begun.signal() }
                do { _ = try victim.finish(piggyback: []) } catch { outcome.set(0, error as? AllReduceError) }
                return
            }
            let context = try ZeroMQContext()
            var socketOptions = ZeroMQSocketOptions()
            socketOptions.receiveTimeout = 5000
            socketOptions.linger = 0
            let router = try ZeroMQSocket(context, type: .router, options: socketOptions)
            endpoint.set(0, try router.bind("tcp://127.0.0.1:*"))
            bound.signal()
            let peer = try HostileMessageTests.Intruder(victim.endpoint)
            try peer.send(HostileMessageTests.header(.hello))
            #expect(try peer.answer() == .welcome)
            let hello = try #require(try router.receive(limits: ZeroMQLimits(frames: 3, bytes: 1 << 20)))
            try router.send([hello[0].array, HostileMessageTests.header(.welcome)])
            if !beforeBegin { begun.wait() }
            for message in messages { try peer.socket.send(message) }
            if beforeBegin {
                usleep(200_000)
                begun.signal()
            }
            ended.wait()
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        return withExtendedLifetime((result, own)) { (outcome.values[0], victim.refusedMessages) }
    }
}
