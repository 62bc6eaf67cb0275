import Modeling
import Numerics
import TestSupport

@testable import Training

/// A replica of a tiny model with drawn weights, and work for it.
enum TinyReplica {
    static let specification =
        ModelConfiguration.tiny(vocabulary: 30, hidden: 16, heads: 2, positions: 12).classifier()

    static func make(
        threads: Int = 1, precision: Precision = .float32, firstStep: UInt64 = 0, dropout: Double? = nil
    ) throws -> ModelReplica {
        let made = try ModelReplica(
            specification, hyperparameters: Hyperparameters(dropout: dropout, precision: precision), seed: 5,
            threads: threads, firstStep: firstStep)
        for (number, parameter) in made.layout.parameters.enumerated() {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: UInt32(number))
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: firstStep)
        return made
    }

    /// A step of `count` micro-batches of one or two samples each; `part` of them are this rank's.
    static func work(microBatches count: Int, _ part: Range<Int>? = nil, step: UInt64 = 3) -> StepWork {
        var random = PhiloxStream(seed: 2, purpose: .shuffle)
        var key: UInt32 = 0
        let batches = (0..<count).map { index in
            var batch = PackedBatch()
            for _ in 0...(index % 2) {
                let ids = (0..<(1 + random.next(below: 9))).map { _ in Int32(random.next(below: 29)) }
                batch.append(
                    tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: key,
                    target: .classIndex(Int32(random.next(below: 3))))
                key += 1
            }
            return batch
        }
        let own = part ?? 0..<count
        return StepWork(
            step: step, microBatchCount: count, firstMicroBatch: own.lowerBound, microBatches: Array(batches[own]),
            embeddingRows: Set(batches.flatMap(\.tokenIDs)).sorted(), gradientDivisor: Double(key))
    }
}
