import Modeling
import Testing

@testable import Cluster

/// Orders and reports of an evaluation.
@Suite struct EvaluationSchedulerTests {
    private let members = Samples.members(2)

    /// One of `examples` examples in micro-batches of two, with its orders handed out.
    private func started(_ examples: Int, _ turn: inout Turn) -> EvaluationScheduler {
        var evaluations = EvaluationScheduler()
        evaluations.start(
            .validation, FakeExamples(count: examples), batchSize: 2, head: Samples.model.head,
            labels: ["a", "b", "c"], &turn)
        evaluations.handOut(to: members, &turn)
        return evaluations
    }

    private func requests(_ turn: Turn) -> [(id: UInt32, examples: Range<Int>)] {
        turn.effects.compactMap {
            if case .prefetch(.evaluation(let id, _, let examples, _)) = $0 { (id, examples) } else { nil }
        }
    }

    /// What is found of the examples that micro-batches of two have.
    private func found(_ examples: Range<Int>, loss: Double? = nil) -> [MicroBatchMetrics] {
        stride(from: examples.lowerBound, to: examples.upperBound, by: 2).map { start in
            let part = Samples.evaluation(
                FakeExamples(count: 1000).pack(start..<min(start + 2, examples.upperBound)))
            return MicroBatchMetrics(loss.map { Samples.withoutLoss(part, $0) } ?? part)
        }
    }

    @Test func `every worker has two orders, and gets the next one for each that it answers`() {
        var turn = Turn.at(0)
        var evaluations = started(100, &turn)
        #expect(requests(turn).map(\.examples) == [0..<2, 2..<4, 4..<6, 6..<8])
        #expect(!evaluations.isAwaited(members[0].peer), "nothing is sent yet")
        evaluations.prefetched(0, [], step: 3, &turn)
        #expect(evaluations.isAwaited(members[0].peer) && !evaluations.isAwaited(members[1].peer))
        #expect(turn.sent.map(\.peer) == [members[0].peer])
        #expect(evaluations.take(found(0..<2), of: 0, from: members[0], members: members, &turn) == nil)
        #expect(requests(turn).last?.examples == 8..<10)
    }

    @Test func `the outcome does not depend on who answers, or on a generation that ends`() throws {
        var turn = Turn.at(0)
        var evaluations = started(3, &turn)
        evaluations.prefetched(0, [], step: 3, &turn)
        _ = evaluations.take(found(0..<2), of: 0, from: members[0], members: members, &turn)
        evaluations.suspend()
        #expect(!evaluations.isComplete && evaluations.kind == .validation)
        evaluations.handOut(to: [members[1]], &turn)
        let (id, examples) = try #require(requests(turn).last)
        #expect(examples == 2..<3)
        evaluations.prefetched(1, [], step: 3, &turn)
        #expect(!evaluations.isAwaited(members[1].peer), "the order is of a generation that is over")
        evaluations.prefetched(id, [], step: 3, &turn)
        _ = evaluations.take(found(2..<3), of: id, from: members[1], members: members, &turn)
        #expect(evaluations.isComplete)
        let record = try evaluations.finish(step: 3, epoch: 1, tested: (nil, nil), &turn).get()
        #expect(record.metrics.examples == 3 && record.metrics.primary.value == 1.0 / 3)
        #expect(evaluations.kind == nil && evaluations.test == nil)
    }

    @Test(arguments: [(5, 2, 0), (0, 1, 0), (0, 3, 0), (0, 2, 1)] as [(UInt32, Int, Int)])
    func `metrics that do not fit an order cost a worker its place`(_ id: UInt32, _ count: Int, _ member: Int) {
        var turn = Turn.at(0)
        var evaluations = started(100, &turn)
        evaluations.prefetched(0, [], step: 3, &turn)
        _ = evaluations.take(found(0..<count), of: id, from: members[member], members: members, &turn)
        #expect(turn.takeSentAway() == [members[member].peer])
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"classes":3,"counts":[]}"#, #"{"classes":2,"counts":[0,1,2]}"#,
        #"{"classes":3,"counts":[0,1,3]}"#, #"{"classes":3,"counts":[0,1,3,1,1,-1]}"#,
        #"{"classes":3,"counts":[0,3,2]}"#, #"{"classes":3,"counts":[0,1,9223372036854775807,1,1,3]}"#,
    ])
    func `counts that no worker can have cost it its place, and its examples are evaluated by another`(json: String)
        throws
    {
        var turn = Turn.at(0)
        var evaluations = started(2, &turn)
        evaluations.prefetched(0, [], step: 3, &turn)
        let bad = MicroBatchMetrics(losses: [1, 1], metrics: json)
        #expect(evaluations.take([bad], of: 0, from: members[0], members: members, &turn) == nil)
        #expect(turn.takeSentAway() == [members[0].peer])
        evaluations.suspend()
        evaluations.handOut(to: [members[1]], &turn)
        let id = try #require(requests(turn).last?.id)
        evaluations.prefetched(id, [], step: 3, &turn)
        _ = evaluations.take(found(0..<2), of: id, from: members[1], members: members, &turn)
        #expect(evaluations.isComplete)
    }

    /// A run's workers have 1 to 7 threads or processes: none of that is in the outcome.
    @Test func `the report has the same bits whichever worker evaluates what, in whatever order`() throws {
        var reports: [MetricReport] = []
        for (workers, threads) in [(1, 1), (1, 4), (2, 1), (3, 2), (7, 3)] {
            var turn = Turn.at(0)
            let members = Samples.members(workers).map { member in
                var worker = member.worker
                worker.threads = threads
                return WorkerRecord(peer: member.peer, number: member.number, worker: worker, lastHeard: 0)
            }
            var evaluations = EvaluationScheduler()
            evaluations.start(
                .test, FakeExamples(count: 61), batchSize: 2, head: Samples.model.head, labels: ["a", "b", "c"], &turn)
            evaluations.handOut(to: members, &turn)
            var answered: Set<UInt32> = []
            // The newest order is answered first.
            while let (id, examples) = requests(turn).last(where: { !answered.contains($0.id) }) {
                answered.insert(id)
                evaluations.prefetched(id, [], step: 3, &turn)
                let peer = try #require(turn.sent.last?.peer)
                let member = try #require(members.first { $0.peer == peer })
                let parts = Self.losses(found(examples), from: examples)
                _ = evaluations.take(parts, of: id, from: member, members: members, &turn)
            }
            #expect(evaluations.isComplete)
            reports.append(try evaluations.finish(step: 3, epoch: 1, tested: (nil, nil), &turn).get().metrics)
        }
        #expect(reports[0].examples == 61 && reports[0].primary.value > 0.3)
        #expect(reports.allSatisfy { $0 == reports[0] })
    }

    /// The parts with losses that depend on the number of the example alone, and that no two orders add up alike.
    private static func losses(_ parts: [MicroBatchMetrics], from examples: Range<Int>) -> [MicroBatchMetrics] {
        var next = examples.lowerBound
        return parts.map { part in
            var part = part
            for index in part.losses.indices {
                part.losses[index] = 1 / Double(3 + next)
                next += 1
            }
            return part
        }
    }

    @Test func `losses that are not finite are for another worker to confirm or refute`() throws {
        for isRefuted in [true, false] {
            var turn = Turn.at(0)
            var evaluations = started(2, &turn)
            evaluations.prefetched(0, [], step: 3, &turn)
            #expect(
                evaluations.take(found(0..<2, loss: .nan), of: 0, from: members[0], members: members, &turn) == nil)
            let id = try #require(requests(turn).last?.id)
            evaluations.prefetched(id, [], step: 3, &turn)
            #expect(evaluations.isAwaited(members[1].peer))
            let error = evaluations.take(
                found(0..<2, loss: isRefuted ? nil : .infinity), of: id, from: members[1], members: members, &turn)
            #expect((error == nil) == isRefuted)
            #expect(turn.takeSentAway() == (isRefuted ? [members[0].peer] : []))
            // Nothing is concluded before the generation that follows.
            #expect(!evaluations.isComplete)
            evaluations.suspend()
            #expect(evaluations.isComplete == isRefuted)
        }
    }
}
