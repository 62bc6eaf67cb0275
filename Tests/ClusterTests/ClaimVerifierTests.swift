import Testing

@testable import Cluster

/// Claims of single workers, by themselves.
@Suite struct ClaimVerifierTests {
    private func claim(
        _ verifier: inout ClaimVerifier, by number: Int, _ members: [WorkerRecord], _ now: Double = 0,
        generation: UInt64 = 1
    ) -> ClaimVerifier.Verdict? {
        verifier.claim(
            WorkerFailure(kind: .nonFinite, phase: "", message: "not finite", microBatch: 1),
            by: members[number].peer, step: 3, microBatches: 4, members: members, seconds: 10, laterSeconds: 60,
            Transition(now: now, generation: generation))
    }

    @Test func `the others are waited for, then the step is computed again`() {
        let members = Samples.members(2)
        var verifier = ClaimVerifier()
        #expect(claim(&verifier, by: 0, members) == nil)
        #expect(verifier.tick(members: members, 9) == nil)
        guard case .recompute(let notice) = verifier.tick(members: members, 10) else {
            Issue.record("no decision")
            return
        }
        #expect(notice == "worker 0 (pid 100 on h): not finite; the step is computed by another worker")
    }

    @Test func `what two workers claim is confirmed, and what one claims twice only if it is alone`() {
        let members = Samples.members(2)
        var verifier = ClaimVerifier()
        #expect(claim(&verifier, by: 0, members) == nil)
        guard case .confirmed = claim(&verifier, by: 1, members) else {
            Issue.record("two say so")
            return
        }
        let alone = Samples.members(1)
        verifier = ClaimVerifier()
        guard case .recompute = claim(&verifier, by: 0, alone) else {
            Issue.record("once is not enough")
            return
        }
        verifier.suspend()
        guard case .confirmed = claim(&verifier, by: 0, alone, generation: 2) else {
            Issue.record("twice is")
            return
        }
    }

    @Test func `a claimant whose claim no other worker finds is refuted`() {
        let members = Samples.members(2)
        var verifier = ClaimVerifier()
        _ = claim(&verifier, by: 0, members)
        _ = verifier.reported(members[1].peer, members: members)
        verifier.suspend()
        // Micro-batch 1 of 4 is the first rank's: another worker gets that.
        #expect(verifier.reordered(members).map(\.number) == [1, 0])
        _ = claim(&verifier, by: 0, members, generation: 2)
        guard case .refuted(let peer, _) = verifier.reported(members[1].peer, members: members) else {
            Issue.record("it is wrong")
            return
        }
        #expect(peer == members[0].peer)
    }

    @Test func `a step that was completed refutes all claims about it`() {
        for count in [1, 2] {
            let members = Samples.members(count)
            var verifier = ClaimVerifier()
            _ = claim(&verifier, by: 0, members)
            var transition = Transition.at(1)
            verifier.settle(completed: 3, members: members, &transition)
            #expect(transition.takeSentAway().isEmpty && transition.warnings.isEmpty)
            verifier.settle(completed: 4, members: members, &transition)
            #expect(transition.takeSentAway() == (count == 2 ? [members[0].peer] : []))
            #expect(transition.warnings.count == (count == 1 ? 1 : 0))
        }
    }

    private func agree(
        _ verifier: inout ClaimVerifier, _ reports: [StepReport], isLossDecisive: Bool = false,
        _ transition: inout Transition
    ) -> ClaimVerifier.Agreement {
        verifier.agree(
            on: reports, step: 0, members: Samples.members(reports.count), isLossDecisive: isLossDecisive, &transition)
    }

    @Test func `the majority's report counts, and others are sent away`() {
        var verifier = ClaimVerifier()
        var transition = Transition.at(0)
        let reports = [Samples.report(5), Samples.report(), Samples.report()]
        guard case .report(let report) = agree(&verifier, reports, &transition) else {
            Issue.record("two agree")
            return
        }
        #expect(report == Samples.report() && !verifier.mustCompareWeights)
        verifier.sendOutliersAway(&transition)
        #expect(transition.takeSentAway() == [Samples.peer(0)])
    }

    @Test func `without a majority the weights decide, or the run ends where the loss does`() {
        let reports = [Samples.report(), Samples.report(norm: 3)]
        var verifier = ClaimVerifier()
        var transition = Transition.at(0)
        guard case .report = agree(&verifier, reports, &transition) else {
            Issue.record("it goes on")
            return
        }
        #expect(verifier.mustCompareWeights)
        guard case .undecided = agree(&verifier, reports, isLossDecisive: true, &transition) else {
            Issue.record("it ends")
            return
        }
    }

    @Test func `weights are compared once all hashes are there`() {
        func compare(_ digests: [String]) -> (ClaimVerifier.WeightComparison?, [PeerID]) {
            var verifier = ClaimVerifier()
            var members = Samples.members(digests.count)
            var transition = Transition.at(0)
            var last: ClaimVerifier.WeightComparison?
            for (index, digest) in digests.enumerated() {
                #expect(last == nil)
                last = verifier.compare(digest, step: 5, expected: 5, of: index, &members, &transition)
            }
            return (last, transition.takeSentAway())
        }
        guard case (.equal?, []) = compare(["a", "a"]), case (.undecided?, []) = compare(["a", "b"]) else {
            Issue.record("equal, undecided")
            return
        }
        let (comparison, sentAway) = compare(["a", "b", "a"])
        #expect(comparison == nil && sentAway == [Samples.peer(1)])
        var verifier = ClaimVerifier()
        var members = Samples.members(1)
        var transition = Transition.at(0)
        #expect(verifier.compare("a", step: 4, expected: 5, of: 0, &members, &transition) == nil)
        #expect(transition.takeSentAway() == [Samples.peer(0)])
    }
}
