import Foundation
import Inference
import Modeling
import Support
import Training

/// Tokenizes and packs micro-batches on a thread of its own, so that the coordinator's thread answers heartbeats while
/// a slow tokenizer works.
///
/// Its queue is bounded by who asks: ``StepPrefetch`` has at most a window of steps under way, ``EvaluationScheduler``
/// two orders of each worker.
///
/// `@unchecked Sendable` because all that changes is guarded by `condition`.
final class BatchPrefetcher: @unchecked Sendable {
    private let condition = NSCondition()
    /// Guarded by `condition`, as is `isClosed`.
    private var queue: [(request: BatchRequest, phase: Int)] = []
    private var isClosed = false

    /// Begins to work; `deliver` is called on its thread.
    init(_ plan: RunPlan, deliver: @escaping @Sendable (PrefetchedBatches) -> Void) throws {
        try NamedThread.start("shoal-tokenize") { [self] in
            while let (request, phase) = next() { deliver(Self.pack(request, plan.phases[phase])) }
        }
    }

    /// Has these micro-batches of a phase packed, after what was asked for before.
    func request(_ request: BatchRequest, phase: Int) {
        condition.withLock {
            guard !queue.contains(where: { $0.request == request }) else { return }
            queue.append((request, phase))
            condition.signal()
        }
    }

    /// Ends the thread, after what it is at.
    func close() {
        condition.withLock {
            isClosed = true
            condition.signal()
        }
    }

    private func next() -> (request: BatchRequest, phase: Int)? {
        condition.withLock {
            while queue.isEmpty, !isClosed { condition.wait() }
            return isClosed ? nil : queue.removeFirst()
        }
    }

    /// Packs micro-batches: they depend on nothing but the data and the plan of the phase.
    static func pack(_ request: BatchRequest, _ phase: PhasePlan) -> PrefetchedBatches {
        switch request {
        case .step(let step):
            let source = phase.training
            let order = phase.data.step(step - phase.steps.lowerBound) { source.tokenCount($0) }
            let round = phase.data.epochNumber(order.epoch)
            let batches = order.microBatches.map { source.pack($0, round: round) }
            // Without any target the gradient is 0, whatever it is divided by.
            let weight = batches.reduce(0) { $0 + phase.model.objective.weight(of: $1.targets) }
            // The rows of the word embedding's gradient, where it has a compact one.
            let rows = phase.model.hasRowTable ? Set(batches.flatMap(\.tokenIDs)).sorted() : []
            return .step(
                PackedStep(
                    step: step, epoch: order.epoch, sampleCount: order.sampleCount, batches: batches,
                    gradientDivisor: weight > 0 ? weight : 1, embeddingRows: rows,
                    tokenCount: batches.reduce(0) { $0 + $1.tokenCount }))
        case .evaluation(let id, let kind, let examples, let batchSize):
            let sources = [
                EvaluationKind.validation: phase.validation, .test: phase.test, .collection: phase.collection,
            ]
            guard let source = sources[kind] ?? nil else {
                return .evaluation(id: id, [])
            }
            return .evaluation(
                id: id,
                stride(from: examples.lowerBound, to: examples.upperBound, by: batchSize).map {
                    source.pack(
                        Array($0..<min($0 + batchSize, examples.upperBound)), round: TokenMasker.evaluation)
                })
        }
    }
}
