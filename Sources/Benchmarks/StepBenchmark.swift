import Collectives
import Foundation
import Modeling
import Numerics
import Support
import Training

/// A training step of one worker: forward and backward passes, clipping, AdamW.
public struct StepBenchmark: Sendable {
    /// The model, a classifier of sequences; its weights are drawn.
    public var specification: ModelSpecification
    /// Tokens of each sequence of a step.
    public var lengths: [Int]
    /// What a step is cut into.
    public var microBatches: Int
    /// Compute threads.
    public var threads: Int
    /// Steps that are timed, after one that is not.
    public var steps: Int

    /// A benchmark of these parts; every sequence must fit the model, and there must be one per micro-batch at least.
    public init(specification: ModelSpecification, lengths: [Int], microBatches: Int, threads: Int, steps: Int) {
        self.specification = specification
        self.lengths = lengths
        self.microBatches = microBatches
        self.threads = threads
        self.steps = steps
    }

    /// One row a precision: throughput, and its share of the peak of matrix products measured just before.
    public func table(_ precisions: [Precision]) throws -> TextTable {
        var table = TextTable(columns: [
            "precision", "threads", "tokens", "step_ms", "tokens_per_second", "model_gflops", "peak_gflops",
            "share_of_peak",
        ])
        let tokens = lengths.reduce(0, +)
        let roof = MatmulBenchmark(encoder: specification.encoder, tokens: max(1, tokens / microBatches))
        for precision in precisions {
            let peak = try roof.peak(precision, threads: threads)
            let seconds = try self.seconds(precision)
            let rate = ModelWork.training(specification.encoder, lengths: lengths) / seconds
            table.add([
                .text(precision.rawValue), .number(Double(threads), decimals: 0),
                .number(Double(tokens), decimals: 0), .number(seconds * 1e3, decimals: 1),
                .number(Double(tokens) / seconds, decimals: 0), .number(rate * 1e-9, decimals: 1),
                .number(peak * 1e-9, decimals: 1), .number(rate / peak, decimals: 2),
            ])
        }
        return table
    }

    /// The median time of a step.
    func seconds(_ precision: Precision) throws -> Double {
        let replica = try ModelReplica(
            specification, hyperparameters: Hyperparameters(precision: precision), seed: 1,
            threads: threads)
        fill(replica)
        replica.restored(appliedSteps: 0)
        let reducer = try AllReducer(rank: 0, worldSize: 1, generation: 0, bind: "")
        defer { reducer.close() }
        try reducer.connect(to: [""])
        let training = TrainingStep(replica, reducer: reducer)
        var times: [Double] = []
        for number in 0...steps {
            let outcome = try training.run(
                work(UInt64(number)), partition: [0..<microBatches], learningRate: 1e-5)
            // The first one makes code and touches memory.
            if number > 0 { times.append(outcome.seconds) }
        }
        return Stopwatch.median(times)
    }

    /// Small numbers of either sign; LayerNorm's factors about 1.
    private func fill(_ replica: ModelReplica) {
        for parameter in replica.layout.parameters {
            let isFactor = parameter.id.isNormScale
            for i in parameter.range {
                let hash = UInt32(truncatingIfNeeded: i) &* 2_654_435_761
                replica.weights.pointer[i] = (Float(hash >> 8) / Float(1 << 24) - 0.5) * 0.06 + (isFactor ? 1 : 0)
            }
        }
    }

    private func work(_ step: UInt64) -> StepWork {
        var batches = [PackedBatch](repeating: PackedBatch(), count: microBatches)
        var rows: Set<Int32> = []
        for (s, length) in lengths.enumerated() {
            let ids = (0..<length).map { t in
                let hash = UInt32(truncatingIfNeeded: s &* 8191 &+ t) &* 2_654_435_761
                return Int32(hash % UInt32(specification.encoder.vocabulary))
            }
            rows.formUnion(ids)
            batches[s % microBatches].append(
                tokenIDs: ids, typeIDs: [Int32](repeating: 0, count: length), sampleKey: UInt32(s),
                target: .classIndex(Int32(s % specification.head.outputWidth)))
        }
        return StepWork(
            step: step, microBatchCount: microBatches, firstMicroBatch: 0, microBatches: batches,
            embeddingRows: rows.sorted(), gradientDivisor: Double(lengths.count))
    }
}
