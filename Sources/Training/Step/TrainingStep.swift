import Modeling
import Numerics
import Support

/// A training step: forward and backward passes, the sum over all ranks, losses that go with it, and the optimizer.
///
/// A step goes through its parts in this order; each ends on all ranks with the same bits, and none depends on which
/// rank has which micro-batch:
///
/// 1. *differentiate*: the rank's micro-batches, forward and backward; buckets go to the reducer as they are finished;
/// 2. *reduce*: the rest of the sum, and the losses of all micro-batches in their order;
/// 3. *update*: clipping and the optimizer.
///
/// A loss that spans the batch (`LossScope.step`; GradCache: Gao et al., 2021, "Scaling deep contrastive learning batch
/// size under memory limited setup") has two parts before the first: *forward*, which keeps the outputs of the rank's
/// micro-batches and nothing else, and *exchange*, which gathers the outputs and targets of all micro-batches. Every
/// rank then evaluates the objective on all of them in the order of the micro-batches, so the gradient of the outputs
/// has the same bits everywhere. *Differentiate* computes the outputs again and goes back from that gradient; nothing
/// after it changes.
///
/// A step belongs to one reducer, so to one generation: what error feedback has kept ends with it. It is used by one
/// thread at a time.
public final class TrainingStep {
    private let replica: ModelReplica
    private let reducer: any GradientReducer
    private let recorder: SpanRecorder?
    /// Only where the reducer rounds.
    private let feedback: ErrorFeedback?

    /// Steps of `replica` whose gradients `reducer` sums; `recorder` takes the time of each part.
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
    ///   - willUpdate: Called right before the weights and moments are changed: in the end, and at the beginning of a
    ///     step where the mean of the weights makes way for those after the last step.
    /// - Throws: Before the weights are changed: what the reducer throws; `CancellationError` once `isAbandoned` says
    ///   so; ``NonFiniteError``; ``PeerDataError``; `ModelError` for work that does not fit the model. The
    ///   reducer is of no use afterwards.
    public func run(
        _ work: StepWork, partition: [Range<Int>], learningRate: Double,
        isAbandoned: @escaping @Sendable () -> Bool = { false }, willUpdate: () -> Void = {}
    ) throws -> StepOutcome {
        recorder?.begin()
        let start = monotonicSeconds()
        if replica.changesWeightsInStep { willUpdate() }
        let result = replica.resultBuffer(work)
        let buckets = replica.buckets(work)
        var reduction = ReductionStep(
            number: work.step, tree: ReductionTree(leafCount: work.microBatchCount), partition: partition,
            buckets: buckets, result: result)
        let (whole, exchangeSeconds) = try exchange(work, &reduction, isAbandoned)
        reduction.residual = feedback?.begin(rows: work.embeddingRows)
        try reducer.begin(reduction)
        let own = try differentiate(work, whole, buckets: buckets.count, isAbandoned)
        let differentiated = monotonicSeconds()
        recorder?.end("micro-batches")

        let (sum, lossSums) = try reduce(own, work, partition)
        let reduced = monotonicSeconds()

        willUpdate()
        let norm = try replica.apply(
            gradientSum: result, work: work, sumOfSquares: sum.sumOfSquares, learningRate: learningRate)
        let end = monotonicSeconds()
        recorder?.end("optimizer")
        return StepOutcome(
            lossSums: lossSums, gradientNorm: norm,
            computeSeconds: differentiated - start - exchangeSeconds + (end - reduced),
            reductionSeconds: reduced - differentiated + exchangeSeconds, seconds: end - start,
            bytesSent: sum.bytesSent)
    }

    /// The numbers of reductions that a step whose loss spans the batch has, the last of them for the gradient.
    private static let reductionsPerStep: UInt64 = 1 << 16

    /// The loss of the whole step, where the objective is one, and the seconds of waiting for it.
    ///
    /// - Parameter reduction: That of the gradient, whose number comes after those of the exchange.
    private func exchange(
        _ work: StepWork, _ reduction: inout ReductionStep, _ isAbandoned: @escaping @Sendable () -> Bool
    ) throws -> (loss: WholeBatchLoss?, seconds: Double) {
        let model = replica.specification
        guard type(of: model.objective).scope == .step else { return (nil, 0) }
        guard work.step < UInt64.max / Self.reductionsPerStep else {
            throw ModelError.invalidBatch("step \(work.step), which leaves no numbers for the exchange of outputs")
        }
        let outputs = try replica.trainingOutputs(work, isAbandoned: isAbandoned)
        recorder?.end("micro-batches, forward")
        let start = monotonicSeconds()
        reduction.number = work.step * Self.reductionsPerStep
        let pieces = try reducer.gather(
            GatheredOutputs.encode(work.microBatches, outputs: outputs, model.head), in: reduction,
            limit: GatheredOutputs.maxBytes)
        reduction.number += Self.reductionsPerStep - 1
        let seconds = monotonicSeconds() - start
        recorder?.end("waiting for the outputs of all")
        let gathered = try GatheredOutputs(pieces, partition: reduction.partition, model)
        return (try gathered.loss(model, own: work.ownMicroBatches), seconds)
    }

    private func differentiate(
        _ work: StepWork, _ whole: WholeBatchLoss?, buckets: Int, _ isAbandoned: @escaping @Sendable () -> Bool
    ) throws -> [MicroBatchResult] {
        if work.microBatches.isEmpty {
            for bucket in 0..<buckets { reducer.submit(bucket: bucket, contributions: []) }
            return []
        }
        return try replica.computeGradients(work, of: whole, isAbandoned: isAbandoned) { [reducer] in
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
