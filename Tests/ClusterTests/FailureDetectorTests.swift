import Testing

@testable import Cluster

/// Silence, suspicion and stalls.
@Suite struct FailureDetectorTests {
    private let members = Samples.members(3)

    private func suspect(
        _ detector: inout FailureDetector, by reporter: Int, ranks: [Int], waited: Double? = nil, _ now: Double = 0,
        generation: UInt64 = 1
    ) -> (verdict: FailureDetector.Verdict, probed: [PeerID]) {
        var transition = Transition(now: now, generation: generation)
        let verdict = detector.reportUnreachable(
            by: members[reporter], ranks: ranks, members: members, waited: waited, &transition)
        return (verdict, transition.sent.map(\.peer))
    }

    @Test func `silence beyond the timeout is a failure`() {
        let detector = FailureDetector(Samples.settings())
        #expect(detector.silent(among: members, 5).isEmpty)
        #expect(detector.silent(among: members, 5.1).count == 3)
    }

    @Test func `time for which this process was suspended is known`() {
        var detector = FailureDetector(Samples.settings())
        #expect(detector.suspendedSeconds(1) == 0)
        #expect(detector.suspendedSeconds(101) == 100)
        #expect(detector.suspendedSeconds(102) == 0)
    }

    @Test func `a suspected worker is probed, and refutes with a sign of life`() {
        var detector = FailureDetector(Samples.settings())
        let (verdict, probed) = suspect(&detector, by: 0, ranks: [1])
        guard case .wait = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(probed == [members[1].peer])
        #expect(detector.refute(members[2].peer, isHeartbeat: true, .at(0.1)) == false)
        #expect(detector.refute(members[1].peer, isHeartbeat: true, .at(0.1)) == true)
        #expect(detector.confirmFailed(waited: 0, .at(9)).isEmpty)
    }

    @Test func `one that does not refute in time has failed`() {
        var detector = FailureDetector(Samples.settings())
        _ = suspect(&detector, by: 0, ranks: [1, 2])
        _ = detector.refute(members[2].peer, isHeartbeat: true, .at(0.1))
        #expect(detector.confirmFailed(waited: 0, .at(0.7)).isEmpty)
        let failed = detector.confirmFailed(waited: 0, .at(0.8))
        #expect(failed.map(\.peer) == [members[1].peer])
        #expect(failed.first?.why == "is missed by worker 0 (pid 100 on h) and does not answer")
        #expect(detector.confirmFailed(waited: 0, .at(9)).isEmpty)
    }

    @Test func `those that suspect each other live`() {
        var detector = FailureDetector(Samples.settings())
        _ = suspect(&detector, by: 0, ranks: [1])
        guard case .refuted = suspect(&detector, by: 1, ranks: [0]).verdict else {
            Issue.record("no new generation")
            return
        }
    }

    @Test func `a suspicion is over with its generation`() {
        var detector = FailureDetector(Samples.settings())
        _ = suspect(&detector, by: 0, ranks: [1])
        #expect(detector.confirmFailed(waited: 0, Transition(now: 9, generation: 2)).isEmpty)
        #expect(detector.refute(members[1].peer, isHeartbeat: false, Transition(now: 9, generation: 2)) == false)
    }

    @Test func `a heartbeat does not refute a stall`() {
        var detector = FailureDetector(Samples.settings())
        detector.stepCompleted(seconds: 0.1)
        _ = suspect(&detector, by: 0, ranks: [1], waited: 40)
        #expect(detector.refute(members[1].peer, isHeartbeat: true, .at(1)) == false)
        let failed = detector.confirmFailed(waited: 45, .at(5))
        #expect(failed.first?.isStall == true && failed.first?.why.contains("did none of its work for 45 s") == true)
    }

    @Test func `one that is suspected in five generations in a row is replaced`() {
        var detector = FailureDetector(Samples.settings())
        for generation in 1...5 {
            let verdict = suspect(&detector, by: 0, ranks: [1], generation: UInt64(generation)).verdict
            guard case .confirmFailed(let failed) = verdict else {
                #expect(generation < 5)
                continue
            }
            #expect(generation == 5 && failed.peer == members[1].peer)
        }
        detector.stepCompleted(seconds: 1)
        guard case .wait = suspect(&detector, by: 0, ranks: [1], generation: 6).verdict else {
            Issue.record("a completed step clears it")
            return
        }
    }

    @Test func `one that owes an answer for too long has stalled, unless all do`() {
        var detector = FailureDetector(Samples.settings())
        detector.stepCompleted(seconds: 0.1)
        var members = members
        #expect(detector.stalled(among: &members, owing: [true, false, false], 0).isEmpty)
        #expect(detector.stalled(among: &members, owing: [true, false, false], 60).isEmpty)
        #expect(detector.stalled(among: &members, owing: [true, true, true], 61).map(\.peer) == [members[0].peer])
        #expect(detector.stalled(among: &members, owing: [true, true, true], 200).isEmpty)
        #expect(detector.stalled(among: &members, owing: [false, true, true], 201).count == 2)
    }
}
