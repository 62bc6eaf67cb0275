import Testing

@testable import Collectives

/// Who has met, and who is refused.
@Suite struct MembershipTests {
    private let world = WorldDescription(rank: 1, size: 3, generation: 5, segmentFloats: 4096, wire: .float32)

    private func hello(_ rank: Int, _ change: (inout AllReduceHeader) -> Void = { _ in }) -> AllReduceHeader {
        var header = world.header(.hello)
        header.sender = UInt32(rank)
        change(&header)
        return header
    }

    @Test func `a rank has met when both connections of every pair are up`() {
        var membership = Membership(world, timeout: 10)
        // A hello may come before this rank has begun to connect.
        #expect(membership.receive(hello(0), from: [10], hasBegun: false) == .welcome(rank: 0))
        #expect(membership.completeIfMet() == false)
        membership.start(endpoints: ["a", "b", "c"], now: 100)
        #expect(membership.takeHellosDue(now: 100) == [0, 2])
        membership.recordWelcome(from: 0)
        membership.recordWelcome(from: 2)
        #expect(membership.completeIfMet() == false, "rank 2 has not said hello")
        #expect(membership.receive(hello(2), from: [12], hasBegun: false) == .welcome(rank: 2))
        #expect(membership.completeIfMet() == true)
        #expect(membership.completeIfMet() == false, "once")
        #expect(membership.state == .connected && membership.nextDeadline == nil)
        #expect(membership.rank(of: [12]) == 2 && membership.rank(of: [13]) == nil)
        #expect("\(membership.address(2))" == "rank 2 (c)")
    }

    @Test func `hellos are due every half second to those that have not answered`() {
        var membership = Membership(world, timeout: 10)
        #expect(membership.takeHellosDue(now: 0).isEmpty, "before the start")
        membership.start(endpoints: ["a", "b", "c"], now: 0)
        #expect(membership.takeHellosDue(now: 0) == [0, 2])
        #expect(membership.takeHellosDue(now: 0.49).isEmpty)
        #expect(membership.nextDeadline == 0.5)
        membership.recordWelcome(from: 0)
        #expect(membership.takeHellosDue(now: 0.5) == [2])
    }

    @Test func `a hello that does not fit is refused with the reason`() {
        var membership = Membership(world, timeout: 10)
        let cases: [(Membership.Verdict, (inout AllReduceHeader) -> Void)] = [
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
            #expect(membership.receive(hello(0, change), from: [10], hasBegun: false) == expected)
        }
        #expect(membership.rank(of: [10]) == nil)
    }

    @Test func `a rank can be taken over until a step has begun`() {
        var membership = Membership(world, timeout: 10)
        #expect(membership.receive(hello(0), from: [10], hasBegun: false) == .welcome(rank: 0))
        #expect(membership.receive(hello(0), from: [11], hasBegun: false) == .welcome(rank: 0))
        #expect(membership.rank(of: [10]) == nil && membership.rank(of: [11]) == 0)
        #expect(membership.receive(hello(0), from: [12], hasBegun: true) == .refuse(.rank))
        #expect(membership.receive(hello(0), from: [11], hasBegun: true) == .welcome(rank: 0), "the same again")
        #expect(membership.receive(hello(2), from: [11], hasBegun: false) == .refuse(.rank), "one rank per connection")
    }

    @Test func `a time-out names those that were not reached, else those that are absent`() {
        var membership = Membership(world, timeout: 10)
        membership.start(endpoints: ["a", "b", "c"], now: 0)
        membership.recordWelcome(from: 0)
        #expect(membership.timeoutError(now: 9.9) == nil)
        #expect(membership.timeoutError(now: 10)?.peerRanks == [2])
        membership.recordWelcome(from: 2)
        _ = membership.receive(hello(2), from: [12], hasBegun: false)
        #expect(membership.timeoutError(now: 10)?.peerRanks == [0])
        #expect(membership.timeoutError(now: 10)?.description.hasPrefix(AllReduceError.beingReached) == true)
    }

    @Test func `only a connection that was up is lost, and only once`() {
        var membership = Membership(world, timeout: 10)
        membership.recordLoss(of: 0, now: 1)
        #expect(membership.lostAt(0) == nil && !membership.hasLost)
        membership.recordWelcome(from: 0)
        membership.recordLoss(of: 0, now: 2)
        membership.recordLoss(of: 0, now: 3)
        membership.recordWelcome(from: 0)
        #expect(membership.lostAt(0) == 2 && membership.hasLost)
    }
}
