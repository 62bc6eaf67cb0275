import Testing

@testable import Cluster

/// Orders and reports of an evaluation.
@Suite struct EvaluationSchedulerTests {
    private let members = Samples.members(2)

    /// One of `examples` examples in micro-batches of two, with its orders handed out.
    private func started(_ examples: Int, _ turn: inout Turn) -> EvaluationScheduler {
        var evaluations = EvaluationScheduler()
        evaluations.start(
            .validation, FakeExamples(count: examples), batchSize: 2, labels: ["a", "b", "c"], &turn)
        evaluations.handOut(to: members, &turn)
        return evaluations
    }

    private func requests(_ turn: Turn) -> [(id: UInt32, examples: Range<Int>)] {
        turn.effects.compactMap {
            if case .prefetch(.evaluation(let id, _, let examples, _)) = $0 { (id, examples) } else { nil }
        }
    }

    private func logits(_ count: Int, _ value: Float = 1) -> [Float] {
        (0..<count).flatMap { _ in [0, value, 0] as [Float] }
    }

    @Test func `every worker has two orders, and gets the next one for each that it answers`() {
        var turn = Turn.at(0)
        var evaluations = started(100, &turn)
        #expect(requests(turn).map(\.examples) == [0..<2, 2..<4, 4..<6, 6..<8])
        #expect(!evaluations.isAwaited(members[0].peer), "nothing is sent yet")
        evaluations.prefetched(0, [], step: 3, &turn)
        #expect(evaluations.isAwaited(members[0].peer) && !evaluations.isAwaited(members[1].peer))
        #expect(turn.sent.map(\.peer) == [members[0].peer])
        #expect(evaluations.take(logits(2), of: 0, from: members[0], members: members, &turn) == nil)
        #expect(requests(turn).last?.examples == 8..<10)
    }

    @Test func `the outcome does not depend on who answers, or on a generation that ends`() throws {
        var turn = Turn.at(0)
        var evaluations = started(3, &turn)
        evaluations.prefetched(0, [], step: 3, &turn)
        _ = evaluations.take(logits(2), of: 0, from: members[0], members: members, &turn)
        evaluations.suspend()
        #expect(!evaluations.isComplete && evaluations.kind == .validation)
        evaluations.handOut(to: [members[1]], &turn)
        let (id, examples) = try #require(requests(turn).last)
        #expect(examples == 2..<3)
        evaluations.prefetched(1, [], step: 3, &turn)
        #expect(!evaluations.isAwaited(members[1].peer), "the order is of a generation that is over")
        evaluations.prefetched(id, [], step: 3, &turn)
        _ = evaluations.take(logits(1), of: id, from: members[1], members: members, &turn)
        #expect(evaluations.isComplete)
        let record = try evaluations.finish(step: 3, epoch: 1, modelStep: nil, &turn).get()
        #expect(record.metrics.examples == 3 && record.metrics.accuracy == 1.0 / 3)
        #expect(evaluations.kind == nil && evaluations.test == nil)
    }

    @Test(arguments: [(5, 2, 0), (0, 1, 0), (0, 2, 1)] as [(UInt32, Int, Int)])
    func `logits that do not fit an order cost a worker its place`(_ id: UInt32, _ count: Int, _ member: Int) {
        var turn = Turn.at(0)
        var evaluations = started(100, &turn)
        evaluations.prefetched(0, [], step: 3, &turn)
        _ = evaluations.take(logits(count), of: id, from: members[member], members: members, &turn)
        #expect(turn.takeSentAway() == [members[member].peer])
    }

    @Test func `logits that are not finite are for another worker to confirm or refute`() throws {
        for isRefuted in [true, false] {
            var turn = Turn.at(0)
            var evaluations = started(2, &turn)
            evaluations.prefetched(0, [], step: 3, &turn)
            #expect(
                evaluations.take(logits(2, .nan), of: 0, from: members[0], members: members, &turn) == nil)
            let id = try #require(requests(turn).last?.id)
            evaluations.prefetched(id, [], step: 3, &turn)
            #expect(evaluations.isAwaited(members[1].peer))
            let error = evaluations.take(
                logits(2, isRefuted ? 1 : .nan), of: id, from: members[1], members: members, &turn)
            #expect((error == nil) == isRefuted)
            #expect(turn.takeSentAway() == (isRefuted ? [members[0].peer] : []))
            // Nothing is concluded before the generation that follows.
            #expect(!evaluations.isComplete)
            evaluations.suspend()
            #expect(evaluations.isComplete == isRefuted)
        }
    }
}
