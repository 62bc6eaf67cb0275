import Testing

@testable import Collectives

/// Who has met, and who is refused.
@Suite struct PeerHandshakesTests {
    private let world = WorldDescription(rank: 1, size: 3, generation: 5, segmentFloats: 4096, wire: .float32)

    private func hello(_ rank: Int, _ change: (inout AllReduceHeader) -> Void = { _ in }) -> AllReduceHeader {
        var header = world.header(.hello)
        header.sender = UInt32(rank)
        change(&header)
        return header
    }

    @Test func `a rank has met when both connections of every pair are up`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        // A hello may come before this rank has begun to connect.
        #expect(handshakes.receive(hello(0), from: [10], hasBegun: false) == .welcome(rank: 0))
        #expect(handshakes.completeIfMet() == false)
        handshakes.start(endpoints: ["a", "b", "c"], now: 100)
        #expect(handshakes.takeHellosDue(now: 100) == [0, 2])
        handshakes.recordWelcome(from: 0)
        handshakes.recordWelcome(from: 2)
        #expect(handshakes.completeIfMet() == false, "rank 2 has not said hello")
        #expect(handshakes.receive(hello(2), from: [12], hasBegun: false) == .welcome(rank: 2))
        #expect(handshakes.completeIfMet() == true)
        #expect(handshakes.completeIfMet() == false, "once")
        #expect(handshakes.state == .connected && handshakes.nextDeadline == nil)
        #expect(handshakes.rank(of: [12]) == 2 && handshakes.rank(of: [13]) == nil)
        #expect("\(handshakes.address(2))" == "rank 2 (c)")
    }

    @Test func `hellos are due every half second to those that have not answered`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        #expect(handshakes.takeHellosDue(now: 0).isEmpty, "before the start")
        handshakes.start(endpoints: ["a", "b", "c"], now: 0)
        #expect(handshakes.takeHellosDue(now: 0) == [0, 2])
        #expect(handshakes.takeHellosDue(now: 0.49).isEmpty)
        #expect(handshakes.nextDeadline == 0.5)
        handshakes.recordWelcome(from: 0)
        #expect(handshakes.takeHellosDue(now: 0.5) == [2])
    }

    @Test func `a hello that does not fit is refused with the reason`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        let cases: [(PeerHandshakes.Verdict, (inout AllReduceHeader) -> Void)] = [
            (.ignore, { $0.generation = 6 }),
            (.refuse(.generation), { $0.generation = 4 }),
            (.refuse(.worldSize), { $0.worldSize = 4 }),
            (.refuse(.segmentSize), { $0.segmentFloats = 8192 }),
            (.refuse(.wireFormat), { $0.code = 1 }),
            (.refuse(.wireFormat), { $0.code = 9 }),
            (.refuse(.rank), { $0.sender = 1 }),
            (.refuse(.rank), { $0.sender = 3 }),
            (.refuse(.rank), { $0.sender = .max }),
        ]
        for (expected, change) in cases {
            #expect(handshakes.receive(hello(0, change), from: [10], hasBegun: false) == expected)
        }
        #expect(handshakes.rank(of: [10]) == nil)
    }

    @Test func `a rank can be taken over until a step has begun`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        #expect(handshakes.receive(hello(0), from: [10], hasBegun: false) == .welcome(rank: 0))
        #expect(handshakes.receive(hello(0), from: [11], hasBegun: false) == .welcome(rank: 0))
        #expect(handshakes.rank(of: [10]) == nil && handshakes.rank(of: [11]) == 0)
        #expect(handshakes.receive(hello(0), from: [12], hasBegun: true) == .refuse(.rank))
        #expect(handshakes.receive(hello(0), from: [11], hasBegun: true) == .welcome(rank: 0), "the same again")
        #expect(handshakes.receive(hello(2), from: [11], hasBegun: false) == .refuse(.rank), "one rank per connection")
    }

    @Test func `a time-out names those that were not reached, else those that are absent`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        handshakes.start(endpoints: ["a", "b", "c"], now: 0)
        handshakes.recordWelcome(from: 0)
        #expect(handshakes.timeoutError(now: 9.9) == nil)
        #expect(handshakes.timeoutError(now: 10)?.peerRanks == [2])
        handshakes.recordWelcome(from: 2)
        _ = handshakes.receive(hello(2), from: [12], hasBegun: false)
        #expect(handshakes.timeoutError(now: 10)?.peerRanks == [0])
        #expect(handshakes.timeoutError(now: 10)?.description.hasPrefix(AllReduceError.beingReached) == true)
    }

    @Test func `only a connection that was up is lost, and only once`() {
        var handshakes = PeerHandshakes(world, timeout: 10)
        handshakes.recordLoss(of: 0, now: 1)
        #expect(handshakes.lostAt(0) == nil && !handshakes.hasLost)
        handshakes.recordWelcome(from: 0)
        handshakes.recordLoss(of: 0, now: 2)
        handshakes.recordLoss(of: 0, now: 3)
        handshakes.recordWelcome(from: 0)
        #expect(handshakes.lostAt(0) == 2 && handshakes.hasLost)
    }
}
