import Foundation
import Inference
import Modeling
import Synchronization
import Testing
import Tokenization
import Training

@testable import Cluster

/// Tokenizing off the coordinator's thread.
@Suite struct BatchPrefetcherTests {
    /// Examples whose texts are not tokenized before that is allowed.
    private final class SlowExamples: ExampleSource {
        let examples = FakeExamples(count: 20)
        let gate = DispatchSemaphore(value: 0)
        let isWaiting = DispatchSemaphore(value: 0)
        private let isOpen = Mutex(false)

        var count: Int { examples.count }
        func target(_ index: Int) -> Target { examples.target(index) }

        func encodings(_ index: Int) -> [Encoding] {
            if !isOpen.withLock({ $0 }) {
                isWaiting.signal()
                gate.wait()
                isOpen.withLock { $0 = true }
            }
            return examples.encodings(index)
        }
    }

    @Test func `a coordinator that tokenizes slowly answers heartbeats and goes on when it is done`() throws {
        let source = SlowExamples()
        // The run's plan as the simulation makes it, with texts that take their time.
        var plan = try #require(try Simulation(workers: 1).coordinator.training.plan)
        plan.phases[0].training = source
        let done = DispatchSemaphore(value: 0)
        let packed = Mutex<[PrefetchedBatches]>([])
        let prefetcher = try BatchPrefetcher(plan) { batches in
            packed.withLock { $0.append(batches) }
            done.signal()
        }
        defer { prefetcher.close() }
        let simulation = try Simulation(workers: 1)
        simulation.prefetch = { prefetcher.request($0, phase: 0) }
        simulation.restartWith(plan)
        #expect(!simulation.run(seconds: 20), "no step can be ordered")
        source.isWaiting.wait()
        #expect(simulation.steps.isEmpty)
        let lost = simulation.events.contains { if case .workerLost = $0 { true } else { false } }
        #expect(!lost && simulation.workers[0] != nil)
        // Twenty seconds of ticks half a second apart, with a heartbeat for each full one.
        #expect(simulation.heartbeats >= 19)
        source.gate.signal()
        for _ in 0..<plan.totalSteps { done.wait() }
        for batches in packed.withLock({ $0 }) { simulation.coordinate(.prefetched(batches)) }
        simulation.prefetch = nil
        #expect(simulation.run())
        #expect(simulation.steps.map(\.step) == [1, 2, 3, 4, 5])
        #expect(simulation.difference(from: try Self.calm()) == nil)
    }

    private static func calm() throws -> Simulation {
        let calm = try Simulation(workers: 1)
        calm.settle()
        return calm
    }

    @Test func `what is packed depends on the request alone`() throws {
        let plan = try #require(try Simulation(workers: 1, validation: 5).coordinator.training.phase)
        guard case .step(let step) = BatchPrefetcher.pack(.step(2), plan),
            case .step(let again) = BatchPrefetcher.pack(.step(2), plan)
        else {
            Issue.record("a step was asked for")
            return
        }
        #expect(step == again && step.step == 2 && step.sampleCount == 4)
        #expect(step.embeddingRows == Set(step.batches.flatMap(\.tokenIDs)).sorted())
        let request = BatchRequest.evaluation(id: 3, .validation, examples: 2..<5, batchSize: 2)
        guard case .evaluation(3, let batches) = BatchPrefetcher.pack(request, plan) else {
            Issue.record("an evaluation was asked for")
            return
        }
        #expect(batches.map(\.sequenceCount) == [2, 1])
        #expect(batches.flatMap(\.sampleKeys) == [2, 3, 4])
    }
}
