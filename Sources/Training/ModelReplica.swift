import CKernels
import Foundation
import Numerics
import Support
import Synchronization
import Transformer

/// One worker's model: weights, moments, compute threads, and the two halves of a step.
///
/// A step is ``computeGradients(_:isAbandoned:bucketReady:)``, an all-reduce that this type knows nothing of, and
/// ``apply(gradientSum:work:sumOfSquares:learningRate:)``. With T threads a replica computes T micro-batches side by
/// side, each with single-threaded products, so that neither the number of ranks nor that of threads can change a bit.
///
/// It is used by one thread at a time.
public final class ModelReplica {
    /// The model.
    public let specification: ModelSpecification
    /// What the step depends on, apart from the learning rate.
    public let hyperparameters: Hyperparameters
    /// Keys the dropout masks.
    public let seed: UInt64
    /// Where each tensor stands in the flat vectors.
    public let layout: ParameterLayout
    /// The weights, `layout.count` floats. To be filled before the first step.
    public var weights: FloatBuffer { modelWeights.master }
    private let modelWeights: ModelWeights
    /// The first moment (of SGD the velocity), `layout.count` floats.
    public let firstMoment: FloatBuffer
    /// The second moment, `layout.count` floats.
    public let secondMoment: FloatBuffer
    /// The optimizer steps behind the weights.
    public private(set) var appliedSteps: UInt64 = 0

    private let team: ThreadTeam
    private let members: [ComputeThread]
    private var optimizer: FlatOptimizer
    /// Holds the sum where this rank has no micro-batches.
    private var spare: FloatBuffer?
    private let gradientCapacity: Int

    /// What the rest needs at least: activations, messages.
    private static let spareBytes = 32 << 20

    /// A replica with zero weights and moments.
    ///
    /// - Parameters:
    ///   - specification: A valid model.
    ///   - hyperparameters: Validated ones.
    ///   - seed: The run's seed.
    ///   - threads: Compute threads, at least 1.
    ///   - profile: Told where the time of the compute threads goes; nil for nothing.
    /// - Throws: ``ResourceLimitError`` if the process may not have the memory or the threads.
    public init(
        _ specification: ModelSpecification, hyperparameters: Hyperparameters, seed: UInt64, threads: Int,
        profile: Profile? = nil
    ) throws(ResourceLimitError) {
        self.specification = specification
        self.hyperparameters = hyperparameters
        self.seed = seed
        layout = ParameterLayout(specification)
        // The compact gradient of the word embedding is never longer than the embedding; untouched pages cost nothing.
        gradientCapacity = layout.denseCount + layout.rowCount * layout.rowWidth
        // Weights, two moments, and a gradient for each thread; activations, which depend on the texts, come on top.
        try ResourceProbe.memory(
            4 * (3 * layout.count + threads * gradientCapacity) + Self.spareBytes,
            for: "training with \(threads == 1 ? "1 thread" : "\(threads) threads")")
        modelWeights = ModelWeights(
            master: FloatBuffer(count: layout.count), layout: layout, precision: hyperparameters.precision)
        // Of the word embedding, only the rows of tokens that occur.
        firstMoment = FloatBuffer(count: layout.count, isSparse: true)
        secondMoment = FloatBuffer(count: layout.count, isSparse: true)
        team = try ThreadTeam(count: threads)
        let (layout, weights, capacity) = (layout, modelWeights, gradientCapacity)
        members = (0..<threads).map { thread in
            ComputeThread(
                model: Model(
                    specification, layout: layout, weights: weights,
                    recomputes: hyperparameters.recompute, recorder: profile?.recorder("compute \(thread)")),
                buffers: GradientBuffers(count: capacity))
        }
        let segments = layout.parameters.map {
            ParameterSegment(offset: $0.offset, count: $0.count, hasWeightDecay: $0.hasWeightDecay)
        }
        optimizer = FlatOptimizer(
            segments: Array(segments.dropLast()), table: segments[segments.count - 1],
            rowWidth: layout.rowWidth)
    }

    /// The number of compute threads.
    public var threads: Int { team.count }

    /// To be called after weights and moments have been replaced: by a checkpoint, or by a peer's state.
    public func restored(appliedSteps steps: UInt64) {
        appliedSteps = steps
        optimizer.inspectMoments(of: state)
        modelWeights.updateRoundedCopy()
    }

    private var state: OptimizerState {
        OptimizerState(weights: weights.pointer, first: firstMoment.pointer, second: secondMoment.pointer)
    }

    /// The buckets of the flat gradient in a step with this work; the same on all ranks.
    public func buckets(_ work: StepWork) -> [Range<Int>] {
        layout.stepBuckets(embeddingRows: work.embeddingRows.count)
    }

    /// Where the sum of the step's gradient may be put: memory of this replica for the longest flat gradient. It is
    /// that of the first contribution, where there is one, so that one rank alone has nothing to copy.
    public func resultBuffer(_ work: StepWork) -> UnsafeMutablePointer<Float> {
        if !work.microBatches.isEmpty {
            // Thread 0 may own no leaf where threads outnumber micro-batches.
            let first = members[firstBusyThread(work.microBatches.count)].buffers
            first.grow(to: 1)
            return first[0]
        }
        if let spare { return spare.pointer }
        let made = FloatBuffer(count: gradientCapacity)
        spare = made
        return made.pointer
    }

    /// The run of `count` micro-batches that a thread computes.
    private func share(_ thread: Int, of count: Int) -> Range<Int> {
        (thread * count / threads)..<((thread + 1) * count / threads)
    }

    private func firstBusyThread(_ count: Int) -> Int { (0..<threads).first { !share($0, of: count).isEmpty } ?? 0 }

    private func dropoutPlan(step: UInt64) -> DropoutPlan? {
        let chosen = hyperparameters.dropout.map { Float($0) }
        let hidden = DropoutRate(chosen ?? specification.encoder.hiddenDropout)
        let attention = DropoutRate(chosen ?? specification.encoder.attentionDropout)
        let head = DropoutRate(chosen ?? specification.head.dropout)
        return DropoutPlan(seed: seed, step: step, hidden: hidden, attention: attention, head: head)
    }

    /// Computes this rank's micro-batches and sums their gradients in the order of the tree.
    ///
    /// - Parameters:
    ///   - work: Valid work.
    ///   - bucketReady: Called once for each bucket of ``buckets(_:)``, in order, from one of the compute threads, as
    ///     soon as the sums of this rank's subtrees in it are final; never where the rank has no micro-batches. The
    ///     memory of the contributions stays as it is until the next call of this function.
    ///   - isAbandoned: Asked before every micro-batch, from the compute threads: whether nobody wants the result any
    ///     more.
    /// - Returns: A result for each micro-batch, in order.
    /// - Throws: `CancellationError` once `isAbandoned` says so; `NonFiniteError` that names the first micro-batch
    ///   whose loss is not finite; `TransformerError` for work that does not fit the model.
    public func computeGradients(
        _ work: StepWork, isAbandoned: @escaping @Sendable () -> Bool = { false },
        bucketReady: @escaping @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void
    ) throws -> [MicroBatchResult] {
        let count = work.microBatches.count
        guard count > 0 else { return [] }
        let dropout = dropoutPlan(step: work.step)
        let tree = ReductionTree(leafCount: work.leafCount)
        let shares = (0..<threads).map { share($0, of: count) }
        let gate = BucketGate(
            buckets: layout.buckets.count + 1, threads: shares.count { !$0.isEmpty }, ready: bucketReady)
        let results = Mutex([MicroBatchResult?](repeating: nil, count: count))
        let failure = Mutex<(any Error)?>(nil)
        let covers = shares.map { tree.cover(($0.lowerBound + work.firstLeaf)..<($0.upperBound + work.firstLeaf)) }
        let members = members
        for (thread, cover) in covers.enumerated() { members[thread].buffers.grow(to: cover.count) }
        let contributions = covers.enumerated().flatMap { thread, cover in
            cover.enumerated().map { Contribution(node: $1, base: UnsafePointer(members[thread].buffers[$0])) }
        }
        team.run { thread in
            let accumulator = GradientAccumulator(tree: tree, buffers: members[thread].buffers) {
                gate.finished($0, contributions)
            }
            for i in shares[thread] {
                let batch = work.microBatches[i]
                if isAbandoned() {
                    failure.withLock { $0 = $0 ?? CancellationError() }
                    return
                }
                do {
                    accumulator.begin(leaf: work.firstLeaf + i, isLast: i == shares[thread].upperBound - 1)
                    let loss = try members[thread].model.gradient(
                        batch, dropout: dropout, embeddingRows: work.embeddingRows, into: accumulator)
                    accumulator.end()
                    results.withLock {
                        $0[i] = MicroBatchResult(
                            index: work.firstLeaf + i, lossSum: loss.sum, samples: batch.sequenceCount,
                            tokens: batch.tokenCount)
                    }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                    return
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        let all = results.withLock { $0.compactMap { $0 } }
        for result in all where !result.lossSum.isFinite {
            throw NonFiniteError(.loss, step: work.step, microBatch: result.index)
        }
        return all
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
        let norm = sumOfSquares.squareRoot() / Double(work.sampleCount)
        guard norm.isFinite else { throw NonFiniteError(.gradient, step: work.step) }
        let factor = GradientClipping.factor(norm: norm, limit: hyperparameters.clipNorm)
        let step = OptimizerStep(
            hyperparameters, appliedSteps: appliedSteps, learningRate: learningRate,
            gradientScale: factor / Double(work.sampleCount))
        optimizer.activate(work.embeddingRows)
        let gradient = Contribution(node: TreeNode(level: 0, index: 0), base: gradientSum)
        let (optimizer, state, count, threads) = (optimizer, state, layout.count, threads)
        let weights = modelWeights
        team.run { thread in
            let range = (thread * count / threads)..<((thread + 1) * count / threads)
            optimizer.apply(step, to: state, gradient: gradient.base, rows: work.embeddingRows, in: range)
            weights.updateRoundedCopy(range)
        }
        appliedSteps += 1
        return norm
    }

    /// The first of this rank's micro-batches whose gradient is not finite, found by computing each again: that gives
    /// the same bits, since nothing but the micro-batch decides them.
    public func firstNonFiniteMicroBatch(_ work: StepWork) throws -> Int? {
        for (i, batch) in work.microBatches.enumerated() {
            let alone = StepWork(
                step: work.step, leafCount: 1, firstLeaf: 0, microBatches: [batch], embeddingRows: work.embeddingRows,
                sampleCount: work.sampleCount)
            do {
                _ = try computeGradients(alone) { _, _ in }
            } catch is NonFiniteError {
                return work.firstLeaf + i
            }
            let result = resultBuffer(alone)
            for bucket in buckets(alone)
            where !shoal_sum_of_squares(result + bucket.lowerBound, bucket.count).isFinite {
                return work.firstLeaf + i
            }
        }
        return nil
    }

    /// The outputs of batches without dropout, each rows x width as the head defines them, computed by all threads side
    /// by side. Batches must be valid for the model.
    public func outputs(_ batches: [PackedBatch]) -> [[Float]] {
        let members = members
        return team.map(batches) { members[$0].model.outputs($1) }
    }
}

/// What one compute thread has to itself: a model over the shared weights, and buffers for gradients.
///
/// `@unchecked Sendable` because thread i of a team, and nobody else at the time, uses the i-th of them.
private final class ComputeThread: @unchecked Sendable {
    let model: Model
    let buffers: GradientBuffers

    init(model: Model, buffers: GradientBuffers) {
        self.model = model
        self.buffers = buffers
    }
}

/// Counts the threads that have finished a bucket, and announces buckets in order once all have.
private final class BucketGate: Sendable {
    private struct State {
        var missing: [Int]
        var next = 0
    }
    private let state: Mutex<State>
    private let ready: @Sendable (Int, [Contribution]) -> Void

    init(buckets: Int, threads: Int, ready: @escaping @Sendable (Int, [Contribution]) -> Void) {
        state = Mutex(State(missing: [Int](repeating: threads, count: buckets)))
        self.ready = ready
    }

    func finished(_ bucket: Int, _ contributions: [Contribution]) {
        state.withLock { state in
            state.missing[bucket] -= 1
            // Under the lock, so that the order of the announcements is that of the buckets.
            while state.next < state.missing.count, state.missing[state.next] == 0 {
                ready(state.next, contributions)
                state.next += 1
            }
        }
    }
}
