import Modeling
import Numerics
import Synchronization

/// The forward and backward passes of one rank in one step, summed in the order of the tree.
///
/// It knows threads, the tree, buckets and abandonment, and nothing of losses: how a micro-batch is differentiated is
/// a function that it is given. A loss over the whole batch is the same pass with another function, one that takes the
/// gradient of the outputs from what all ranks have exchanged; see ``TrainingStep``.
struct GradientPass {
    /// Computes the loss and the gradient of the `index`-th of the rank's micro-batches; the gradient goes to the
    /// sink.
    typealias Differentiate =
        @Sendable (_ thread: ComputeThread, _ index: Int, _ sink: GradientAccumulator) throws -> Double

    let work: StepWork
    /// The buckets of the step's flat gradient.
    let bucketCount: Int
    /// Asked before every micro-batch, from the compute threads: whether the result is not wanted any more.
    let isAbandoned: @Sendable () -> Bool
    let differentiate: Differentiate

    /// Runs it on `team`; see ``ModelReplica/computeGradients(_:isAbandoned:bucketReady:)``.
    func run(
        on team: ComputeTeam,
        bucketReady: @escaping @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void
    ) throws -> [MicroBatchResult] {
        let (work, isAbandoned, differentiate) = (work, isAbandoned, differentiate)
        let count = work.microBatches.count
        guard count > 0 else { return [] }
        let tree = ReductionTree(leafCount: work.microBatchCount)
        let first = work.firstMicroBatch
        let shares = (0..<team.count).map { team.share($0, of: count) }
        let gate = BucketGate(buckets: bucketCount, threads: shares.count { !$0.isEmpty }, ready: bucketReady)
        let results = Mutex([MicroBatchResult?](repeating: nil, count: count))
        let failure = Mutex<(any Error)?>(nil)
        let covers = shares.map { tree.cover(($0.lowerBound + first)..<($0.upperBound + first)) }
        let threads = team.threads
        for (thread, cover) in covers.enumerated() { threads[thread].buffers.grow(to: cover.count) }
        let contributions = covers.enumerated().flatMap { thread, cover in
            cover.enumerated().map { Contribution(node: $1, base: UnsafePointer(threads[thread].buffers[$0])) }
        }
        team.team.run { number in
            let thread = threads[number]
            let accumulator = GradientAccumulator(tree: tree, buffers: thread.buffers) {
                gate.finished($0, contributions)
            }
            for i in shares[number] {
                if isAbandoned() {
                    failure.withLock { $0 = $0 ?? CancellationError() }
                    return
                }
                do {
                    accumulator.begin(leaf: first + i, isLast: i == shares[number].upperBound - 1)
                    let lossSum = try differentiate(thread, i, accumulator)
                    accumulator.end()
                    results.withLock { $0[i] = MicroBatchResult(index: first + i, lossSum: lossSum) }
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
}
