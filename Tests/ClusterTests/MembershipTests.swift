import Testing

@testable import Cluster

/// Greetings, numbers and generations.
@Suite struct MembershipTests {
    private func joined(_ count: Int, _ settings: CoordinatorSettings) -> Membership {
        var membership = Membership(settings)
        var transition = Transition.at(0)
        for number in 0..<count {
            let isIn = membership.join(
                Samples.worker(100 + number), number: number, applied: nil, from: Samples.peer(number), &transition)
            #expect(isIn)
        }
        return membership
    }

    @Test func `a worker joins, becomes a member with the next generation, and is removed`() {
        var membership = joined(2, Samples.settings())
        #expect(membership.members.isEmpty && membership.waiting.count == 2)
        membership.assemble { $0 }
        #expect(membership.members.map(\.rank) == [0, 1] && membership.waiting.isEmpty)
        var transition = Transition.at(1)
        #expect(membership.beginGeneration(&transition) == nil)
        #expect(membership.generation == 1 && transition.generation == 1)
        #expect(transition.sent.map(\.peer) == [Samples.peer(0), Samples.peer(1)])
        let lost = membership.remove(Samples.peer(0))
        #expect(lost?.wasMember == true && lost?.record.number == 0)
        #expect(membership.remove(Samples.peer(0)) == nil)
    }

    @Test func `a number is free again only when its worker is gone`() {
        var membership = joined(1, Samples.settings(local: true))
        var transition = Transition.at(1)
        #expect(!membership.join(Samples.worker(7), number: 0, applied: nil, from: Samples.peer(9), &transition))
        #expect(membership.isUnidentified(Samples.peer(9)))
        #expect(membership.giveUpIdentifying(1.5).isEmpty)
        #expect(membership.giveUpIdentifying(2.5).map(\.peer) == [Samples.peer(9)])
        // Numbers below those of children are for workers that come back.
        #expect(membership.freeNumber(isReturning: false, children: []) == 2)
        #expect(membership.freeNumber(isReturning: true, children: [1]) == 2)
        #expect(membership.freeNumber(isReturning: true, children: []) == 1)
    }

    @Test func `a worker of another run, and one too many, are refused`() {
        var membership = joined(1, Samples.settings(workers: 1) { $0.maxWorkers = 1 })
        for (runID, expected) in [("other", "another run"), ("", "all the workers")] {
            var transition = Transition.at(1)
            let number = membership.admit(
                Samples.worker(9), from: Samples.peer(9), runID: runID, expectedRunID: "run", child: nil, children: [],
                &transition)
            #expect(number == nil)
            guard case .refusal(let text) = transition.sent.first?.body else {
                Issue.record("\(transition.effects)")
                continue
            }
            #expect(text.contains(expected))
        }
    }

    @Test func `a generation is greater than any that a worker has reported`() {
        var membership = joined(1, Samples.settings(workers: 1))
        membership.reported(generation: 41)
        membership.reported(generation: .max)
        membership.assemble { $0 }
        var transition = Transition.at(1)
        #expect(membership.beginGeneration(&transition) == nil)
        #expect(membership.generation == ControlLimits.maxGeneration / 2 + 1)
    }

    @Test func `generations without a step end the run after a while`() {
        var membership = joined(1, Samples.settings(workers: 1))
        membership.assemble { $0 }
        var transition = Transition.at(1)
        for _ in 0..<49 { #expect(membership.beginGeneration(&transition) == nil) }
        membership.stepCompleted()
        for _ in 0..<50 { #expect(membership.beginGeneration(&transition) == nil) }
        #expect(membership.beginGeneration(&transition) != nil)
    }

    @Test func `a run begins with all workers, and goes on with the minimum`() {
        var membership = joined(3, Samples.settings(workers: 3) { $0.minWorkers = 2 })
        #expect(membership.minimum(isEnding: false) == 3)
        #expect(membership.minimum(isEnding: true) == 1)
        membership.assemble { $0 }
        var transition = Transition.at(0)
        membership.exclude([membership.members[2]], &transition)
        #expect(membership.minimum(isEnding: false) == 2 && membership.members.count == 2)
        membership.hasBegun = true
        #expect(membership.minimum(isEnding: false) == 2)
    }
}
