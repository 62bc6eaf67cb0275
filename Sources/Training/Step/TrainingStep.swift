import Numerics
import Support

/// A training step: forward and backward passes, the sum over all ranks, losses that go with it, and the optimizer.
///
/// A step goes through its phases in this order; each ends on all ranks with the same bits, and none depends on which
/// rank has which micro-batch:
///
/// 1. *differentiate*: the rank's micro-batches, forward and backward; buckets go to the reducer as they are finished;
/// 2. *reduce*: the rest of the sum, and the losses of all micro-batches in their order;
/// 3. *update*: clipping and the optimizer.
///
/// A loss that spans the batch (GradCache: Gao et al., 2021, "Scaling deep contrastive learning batch size under memory
/// limited setup") would put two phases before the first: *forward*, which keeps the outputs of the rank's
/// micro-batches, and *exchange*, which gathers the outputs of all micro-batches in their order, as ``LossPiggyback``
/// does with losses. Then *differentiate* takes the gradient of the outputs instead of the labels (``GradientPass``
/// is given how), and nothing after it changes.
///
/// A step belongs to one reducer, so to one generation: what error feedback has kept ends with it. It is used by one
/// thread at a time.
public final class TrainingStep {
    private let replica: ModelReplica
    private let reducer: any GradientReducer
    private let recorder: SpanRecorder?
    /// Only where the reducer rounds.
    private let feedback: ErrorFeedback?

    /// Steps of `replica` whose gradients `reducer` sums; `recorder` takes the time of each phase.
    public init(_ replica: ModelReplica, reducer: any GradientReducer, recorder: SpanRecorder? = nil) {
        self.replica = replica
        self.reducer = reducer
        self.recorder = recorder
        feedback = reducer.roundsGradients ? ErrorFeedback(replica.layout) : nil
    }

    /// Takes a step.
    ///
    /// - Parameters:
    ///   - work: This rank's work, valid for the replica.
    ///   - partition: The micro-batches of each rank, ascending by rank, all of the step's.
    ///   - learningRate: The rate of this step.
    ///   - isAbandoned: Asked before every micro-batch, from the compute threads: whether the result is not wanted any
    ///     more.
    ///   - willUpdate: Called right before the weights and moments are changed, the only time in a step.
    /// - Throws: Before the weights are changed: what the reducer throws; `CancellationError` once `isAbandoned` says
    ///   so; ``NonFiniteError``; ``PeerLossError``; `ModelError` for work that does not fit the model. The
    ///   reducer is of no use afterwards.
    public func run(
        _ work: StepWork, partition: [Range<Int>], learningRate: Double,
        isAbandoned: @escaping @Sendable () -> Bool = { false }, willUpdate: () -> Void = {}
    ) throws -> StepOutcome {
        recorder?.begin()
        let start = monotonicSeconds()
        let result = replica.resultBuffer(work)
        let buckets = replica.buckets(work)
        try reducer.begin(
            ReductionStep(
                number: work.step, tree: ReductionTree(leafCount: work.microBatchCount), partition: partition,
                buckets: buckets, result: result, residual: feedback?.begin(rows: work.embeddingRows)))
        let own = try differentiate(work, buckets: buckets.count, isAbandoned)
        let differentiated = monotonicSeconds()
        recorder?.end("micro-batches")

        let (reduction, lossSums) = try reduce(own, work, partition)
        let reduced = monotonicSeconds()

        willUpdate()
        let norm = try replica.apply(
            gradientSum: result, work: work, sumOfSquares: reduction.sumOfSquares, learningRate: learningRate)
        let end = monotonicSeconds()
        recorder?.end("optimizer")
        return StepOutcome(
            lossSums: lossSums, gradientNorm: norm, computeSeconds: differentiated - start + (end - reduced),
            reductionSeconds: reduced - differentiated, seconds: end - start, bytesSent: reduction.bytesSent)
    }

    private func differentiate(
        _ work: StepWork, buckets: Int, _ isAbandoned: @escaping @Sendable () -> Bool
    ) throws -> [MicroBatchResult] {
        if work.microBatches.isEmpty {
            for bucket in 0..<buckets { reducer.submit(bucket: bucket, contributions: []) }
            return []
        }
        return try replica.computeGradients(work, isAbandoned: isAbandoned) { [reducer] in
            reducer.submit(bucket: $0, contributions: $1)
        }
    }

    private func reduce(
        _ own: [MicroBatchResult], _ work: StepWork, _ partition: [Range<Int>]
    ) throws -> (Reduction, lossSums: [Double]) {
        let reduction = try reducer.finish(piggyback: LossPiggyback.encode(own.map(\.lossSum)))
        feedback?.end(rows: work.embeddingRows)
        recorder?.end("waiting for the all-reduce")
        return (reduction, try LossPiggyback.decode(reduction.piggybacks, partition: partition))
    }
}
