import Modeling
import Numerics
import Support

/// One worker's model: weights, moments and compute threads, and the two halves of a step that need no other rank.
///
/// ``TrainingStep`` puts a step together: ``computeGradients(_:isAbandoned:bucketReady:)``, a reduction that this type
/// does not know of, and ``apply(gradientSum:work:sumOfSquares:learningRate:)``.
///
/// It is used by one thread at a time.
public final class ModelReplica {
    /// The model.
    public let specification: ModelSpecification
    /// What the step depends on, apart from the learning rate.
    public let hyperparameters: Hyperparameters
    /// The step of the run at which its phase begins: the optimizer's moments count from there.
    public let firstStep: UInt64
    /// Keys the dropout masks.
    public let seed: UInt64
    /// Where each tensor stands in the flat vectors.
    public let layout: ParameterLayout
    private let modelWeights: ModelWeights
    let optimizer: ReplicaOptimizer
    /// By rate group.
    private let rateFactors: [Double]
    let team: ComputeTeam

    /// What the rest needs at least: activations, messages.
    private static let spareBytes = 32 << 20

    /// A replica with zero weights and moments.
    ///
    /// - Parameters:
    ///   - specification: A valid model.
    ///   - hyperparameters: Validated ones.
    ///   - seed: The run's seed.
    ///   - threads: Compute threads, at least 1.
    ///   - firstStep: The step of the run at which its phase begins.
    ///   - profile: Records where the time of the compute threads goes; nil for no recording.
    /// - Throws: ``ResourceLimitError`` if the process may not have the memory or the threads.
    public init(
        _ specification: ModelSpecification, hyperparameters: Hyperparameters, seed: UInt64, threads: Int,
        firstStep: UInt64 = 0, profile: Profile? = nil
    ) throws(ResourceLimitError) {
        self.specification = specification
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.firstStep = firstStep
        let layout = ParameterLayout(specification)
        self.layout = layout
        // The compact gradient of the word embedding is never longer than the embedding; untouched pages cost nothing.
        let capacity = layout.denseCount + (layout.rowTable?.count ?? 0)
        // Weights, two moments, a mean, and a gradient for each thread; activations, which depend on the texts, come on
        // top.
        let vectors = hyperparameters.averagedAfter == nil ? 2 : 3
        try ResourceProbe.memory(
            4 * (layout.count + vectors * layout.trainableCount + threads * capacity) + Self.spareBytes,
            for: "training with \(threads == 1 ? "1 thread" : "\(threads) threads")")
        let weights = ModelWeights(
            master: FloatBuffer(count: layout.count), layout: layout, precision: hyperparameters.precision)
        modelWeights = weights
        let layers = specification.encoder.layers.count
        let decay =
            hyperparameters.layerDecay == nil && hyperparameters.headFactor == nil
            ? nil
            : LayerDecay(
                hyperparameters.layerDecay ?? 1, layers: layers, headFactor: hyperparameters.headFactor ?? 1)
        rateFactors = decay?.factors ?? [1]
        optimizer = ReplicaOptimizer(
            weights: weights, layout: layout, decay: decay, averagedAfter: hyperparameters.averagedAfter,
            firstStep: firstStep)
        team = try ComputeTeam(count: threads, gradientCapacity: capacity) { thread, buffers in
            ComputeThread(
                model: Model(
                    specification, layout: layout, weights: weights,
                    recomputes: hyperparameters.recompute, recorder: profile?.recorder("compute \(thread)")),
                buffers: buffers)
        }
    }

    /// The number of compute threads.
    public var threads: Int { team.count }

    /// The weights of the state, `layout.count` floats: the mean of those after the last steps, where they are
    /// averaged. To be filled before the first step.
    public var weights: FloatBuffer {
        optimizer.averaged?.show(on: team.team)
        return modelWeights.master
    }

    /// Where weights are averaged, those after the last step, `layout.trainableCount` floats; zeros where ``weights``
    /// are no mean yet.
    public var lastWeights: FloatBuffer? {
        optimizer.averaged?.show(on: team.team)
        return optimizer.averaged?.aside
    }

    /// Whether a step begins by changing ``weights``, from their mean to those after the last step.
    var changesWeightsInStep: Bool { optimizer.averaged?.changes(toShown: false) ?? false }

    /// The first moment (of SGD the velocity), `layout.trainableCount` floats.
    public var firstMoment: FloatBuffer { optimizer.firstMoment }

    /// The second moment, `layout.trainableCount` floats.
    public var secondMoment: FloatBuffer { optimizer.secondMoment }

    /// The steps of the run behind the weights.
    public var appliedSteps: UInt64 { optimizer.appliedSteps }

    /// To be called after weights and moments have been replaced: by a checkpoint, or by a peer's state.
    public func restored(appliedSteps steps: UInt64) { optimizer.restored(appliedSteps: steps) }

    /// The buckets of the flat gradient in a step with this work; the same on all ranks.
    public func buckets(_ work: StepWork) -> [Range<Int>] {
        layout.stepBuckets(embeddingRows: work.embeddingRows.count)
    }

    /// Where the sum of the step's gradient may be put: memory of this replica for the longest flat gradient. It is
    /// that of the first contribution, where there is one, as `ReductionStep.result` allows.
    public func resultBuffer(_ work: StepWork) -> UnsafeMutablePointer<Float> {
        team.resultBuffer(microBatches: work.microBatches.count)
    }

    /// Computes this rank's micro-batches and sums their gradients in the order of the tree.
    ///
    /// - Parameters:
    ///   - work: Valid work.
    ///   - isAbandoned: Asked before every micro-batch, from the compute threads: whether the result is not wanted any
    ///     more.
    ///   - bucketReady: Called once for each bucket of ``buckets(_:)``, in order, from one of the compute threads, as
    ///     soon as the sums of this rank's subtrees in it are final; never where the rank has no micro-batches. The
    ///     memory of the contributions stays as it is until the next call of this function.
    /// - Returns: A result for each micro-batch, in order.
    /// - Throws: `CancellationError` once `isAbandoned` says so; `NonFiniteError` that names the first micro-batch
    ///   whose loss is not finite; `ModelError` for work that does not fit the model.
    public func computeGradients(
        _ work: StepWork, isAbandoned: @escaping @Sendable () -> Bool = { false },
        bucketReady: @escaping @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void
    ) throws -> [MicroBatchResult] {
        try computeGradients(work, of: nil, isAbandoned: isAbandoned, bucketReady: bucketReady)
    }

    /// The same, where `loss` is that of the whole step if the objective spans it: the gradient of the outputs is then
    /// taken from there; the step's first micro-batch stands for the loss, the others have none.
    func computeGradients(
        _ work: StepWork, of loss: WholeBatchLoss?, isAbandoned: @escaping @Sendable () -> Bool,
        bucketReady: @escaping @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void
    ) throws -> [MicroBatchResult] {
        optimizer.averaged?.hide(on: team.team)
        let dropout = hyperparameters.dropoutPlan(for: specification, seed: seed, step: work.step)
        let pass = GradientPass(work: work, bucketCount: buckets(work).count, isAbandoned: isAbandoned) {
            thread, index, sink in
            let own = try thread.model.gradient(
                work.microBatches[index], dropout: dropout, embeddingRows: work.embeddingRows,
                outputGradient: loss?.gradients[index], into: sink)
            guard let loss else { return own.sum }
            return work.firstMicroBatch + index == 0 ? loss.sum : 0
        }
        return try pass.run(on: team, bucketReady: bucketReady)
    }

    /// Takes an optimizer step with the mean of the gradient over the step's samples.
    ///
    /// - Parameters:
    ///   - gradientSum: The sum over all micro-batches of the step, laid out as ``buckets(_:)``.
    ///   - work: The step's work.
    ///   - sumOfSquares: The sum of the squares of `gradientSum`, the same bits on all ranks.
    ///   - learningRate: The rate of this step.
    /// - Returns: The norm of the mean gradient, before clipping.
    /// - Throws: `NonFiniteError` before anything is changed, if the norm is not finite.
    public func apply(
        gradientSum: UnsafePointer<Float>, work: StepWork, sumOfSquares: Double, learningRate: Double
    ) throws(NonFiniteError) -> Double {
        let norm = sumOfSquares.squareRoot() / work.gradientDivisor
        guard norm.isFinite else { throw NonFiniteError(.gradient, step: work.step) }
        let factor = GradientClipping.factor(norm: norm, limit: hyperparameters.clipNorm)
        let step = OptimizerStep(
            hyperparameters, appliedSteps: optimizer.stepsOfPhase, learningRate: learningRate,
            gradientScale: factor / work.gradientDivisor, rateFactors: rateFactors)
        optimizer.apply(step, gradient: gradientSum, rows: work.embeddingRows, on: team.team)
        return norm
    }

    /// What an evaluation finds of each batch, computed by all threads side by side. Batches must be valid for the
    /// model, and have targets.
    public func evaluate(_ batches: [PackedBatch]) -> [EvaluationPart] {
        optimizer.averaged?.show(on: team.team)
        let threads = team.threads
        return team.team.map(batches) { threads[$0].model.evaluate($1) }
    }
}
