import Modeling
import Numerics

/// The two passes of a step whose loss spans the batch: GradCache (Gao et al., "Scaling deep contrastive learning batch
/// size under memory limited setup", 2021). Activations are kept of one micro-batch at a time, as ever; the price is a
/// second forward pass.
extension ModelReplica {
    /// The outputs of this rank's micro-batches, with the dropout of the step.
    ///
    /// - Throws: `CancellationError` once `isAbandoned` says so; `NonFiniteError` that names the first micro-batch with
    ///   an output that is not finite.
    func trainingOutputs(_ work: StepWork, isAbandoned: @escaping @Sendable () -> Bool) throws -> [[Float]] {
        let dropout = hyperparameters.dropoutPlan(for: specification, seed: seed, step: work.step)
        let threads = team.threads
        let outputs = team.team.map(work.microBatches) { thread, batch in
            isAbandoned() ? [] : threads[thread].model.trainingOutputs(batch, dropout: dropout)
        }
        guard !isAbandoned() else { throw CancellationError() }
        for (index, values) in outputs.enumerated() where !values.allSatisfy(\.isFinite) {
            throw NonFiniteError(.loss, step: work.step, microBatch: work.firstMicroBatch + index)
        }
        return outputs
    }

    /// As ``computeGradients(_:isAbandoned:bucketReady:)``, with the gradient of the outputs from the loss of the whole
    /// step. The step's first micro-batch stands for its loss, the others have none.
    func computeGradients(
        _ work: StepWork, of loss: WholeBatchLoss, isAbandoned: @escaping @Sendable () -> Bool,
        bucketReady: @escaping @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void
    ) throws -> [MicroBatchResult] {
        let dropout = hyperparameters.dropoutPlan(for: specification, seed: seed, step: work.step)
        let pass = GradientPass(work: work, bucketCount: layout.buckets.count + 1, isAbandoned: isAbandoned) {
            thread, index, sink in
            _ = try thread.model.gradient(
                work.microBatches[index], dropout: dropout, embeddingRows: work.embeddingRows,
                outputGradient: loss.gradients[index], into: sink)
            return work.firstMicroBatch + index == 0 ? loss.sum : 0
        }
        return try pass.run(on: team, bucketReady: bucketReady)
    }
}
