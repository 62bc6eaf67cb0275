import Testing
import Training

@testable import Cluster

/// Steps ahead, their reports, and what became of them.
@Suite struct StepSchedulerTests {
    private static func scheduler(
        totalSteps: Int = 10, kind: ScheduleKind = .linear, workers: Int = 2, _ transition: inout Transition
    ) -> StepScheduler {
        var steps = StepScheduler(Samples.settings())
        steps.begin(Samples.history(totalSteps, kind: kind), &transition)
        steps.beginGeneration(speeds: [Double?](repeating: nil, count: workers))
        return steps
    }

    private func requested(_ transition: Transition) -> [Int] {
        transition.effects.compactMap { if case .prefetch(.step(let step)) = $0 { step } else { nil } }
    }

    @Test func `micro-batches are asked for once, up to a window`() {
        var transition = Transition.at(0)
        var steps = Self.scheduler(totalSteps: 100, &transition)
        #expect(requested(transition) == Array(0..<8))
        steps.prefetchSteps(&transition)
        #expect(requested(transition).count == 8)
        #expect(steps.prefetched(Samples.packed(8)) == false, "it was not asked for")
        #expect(steps.prefetched(Samples.packed(0)) == true)
        #expect(steps.prefetched(Samples.packed(0)) == false, "it is there")
    }

    @Test func `a step is ordered when its micro-batches are there, and only so many ahead`() {
        var transition = Transition.at(0)
        let members = Samples.members(2)
        var steps = Self.scheduler(&transition)
        #expect(!steps.canIssue)
        for step in 0..<8 { _ = steps.prefetched(Samples.packed(step)) }
        while steps.canIssue { steps.issue(to: members, &transition) }
        #expect(steps.issued == 3 && steps.inFlight.count == 3)
        let orders = transition.sent.filter { if case .step = $0.body { true } else { false } }
        #expect(orders.map(\.peer) == (0..<3).flatMap { _ in members.map(\.peer) })
    }

    @Test func `nothing is ordered past the end of an epoch that decides on the learning rate`() {
        var transition = Transition.at(0)
        let members = Samples.members(1)
        var steps = Self.scheduler(kind: .plateau, workers: 1, &transition)
        for step in 0..<8 { _ = steps.prefetched(Samples.packed(step)) }
        func complete(_ count: Int) {
            for _ in 0..<count {
                var member = members[0]
                #expect(steps.take(Samples.report(), step: UInt64(steps.completed), by: &member, &transition))
                guard let (done, reports) = steps.nextReported() else {
                    Issue.record("all are there")
                    return
                }
                _ = steps.complete(done, reports[0], of: reports, &transition)
            }
        }
        while steps.canIssue { steps.issue(to: members, &transition) }
        complete(2)
        while steps.canIssue { steps.issue(to: members, &transition) }
        #expect(steps.issued == 4, "two steps under way, and not three")
        complete(2)
        #expect(steps.completed == 4 && steps.isAtBarrier && !steps.hasPassedBarrier)
        steps.passBarrier(validationLoss: nil)
        #expect(steps.hasPassedBarrier && steps.totals.epochLoss == 0.5)
    }

    @Test func `a step is complete when every member has reported it once`() {
        var transition = Transition.at(0)
        var members = Samples.members(2)
        var steps = Self.scheduler(&transition)
        _ = steps.prefetched(Samples.packed(0))
        steps.issue(to: members, &transition)
        #expect(!steps.isAwaited(rank: 0) && !steps.isAwaited(rank: 1), "both compute")
        #expect(steps.take(Samples.report(), step: 0, by: &members[0], &transition))
        #expect(members[0].applied == 1 && members[0].residentBytes == 7)
        #expect(steps.nextReported() == nil && steps.isAwaited(rank: 1) && !steps.isAwaited(rank: 0))
        // A duplicate, a step that is not under way, and a report of another number of micro-batches.
        #expect(!steps.take(Samples.report(), step: 0, by: &members[0], &transition))
        #expect(!steps.take(Samples.report(), step: 1, by: &members[1], &transition))
        #expect(!steps.take(Samples.report(microBatches: 3), step: 0, by: &members[1], &transition))
        #expect(transition.takeSentAway() == [members[0].peer, members[1].peer, members[1].peer])
        #expect(steps.take(Samples.report(), step: 0, by: &members[1], &transition))
        #expect(steps.nextReported()?.reports.count == 2)
    }

    @Test func `a generation that ends leaves nothing under way, and its steps are ordered again`() {
        var transition = Transition.at(0)
        var steps = Self.scheduler(&transition)
        for step in 0..<2 { _ = steps.prefetched(Samples.packed(step)) }
        for _ in 0..<2 { steps.issue(to: Samples.members(2), &transition) }
        steps.suspend()
        #expect(steps.inFlight.isEmpty && steps.issued == 0 && steps.canIssue)
    }

    @Test func `steps whose reports were lost are recovered from a worker's records`() {
        var transition = Transition.at(0)
        var steps = Self.scheduler(&transition)
        let records = (0..<2).map { StepRecord(step: UInt64($0), lossSums: [2, 2], gradientNorm: 1) }
        #expect(steps.canGoOn(from: 2, records: records))
        #expect(!steps.canGoOn(from: 3, records: records), "nothing is known of step 3")
        #expect(!steps.canRecover(to: 2), "their micro-batches are not there")
        for step in 0..<2 { _ = steps.prefetched(Samples.packed(step)) }
        #expect(steps.canRecover(to: 2))
        steps.recover(to: 2, records: records, &transition)
        #expect(steps.completed == 2 && steps.issued == 2 && steps.history?.end == 2)
        let losses = transition.effects.compactMap {
            if case .emit(.step(let metrics)) = $0 { metrics.loss } else { nil }
        }
        #expect(losses == [1, 1])
        steps.rewind(to: 1)
        steps.recover(to: 1, records: [], &transition)
        #expect(steps.completed == 1 && steps.history?.end == 1)
    }
}

extension StepSchedulerTests {
    @Test func `the window moves with the run, and what it leaves is forgotten`() {
        var prefetch = StepPrefetch(lookahead: 5)
        var transition = Transition.at(0)
        prefetch.advance(to: 0, end: 100, &transition)
        #expect(requested(transition) == Array(0..<10) && prefetch.window == 10)
        for step in 0..<5 { _ = prefetch.take(Samples.packed(step)) }
        prefetch.advance(to: 3, end: 100, &transition)
        #expect(requested(transition).suffix(3) == [10, 11, 12])
        #expect(prefetch.step(2) == nil && prefetch.holds(3..<5) && !prefetch.holds(3..<6))
        prefetch.advance(to: 0, end: 100, &transition)
        #expect(requested(transition).suffix(3) == [0, 1, 2], "the run went back")
        prefetch.advance(to: 98, end: 100, &transition)
        #expect(requested(transition).suffix(2) == [98, 99])
        #expect(prefetch.take(Samples.packed(7)) == false, "it is not wanted any more")
    }
}
