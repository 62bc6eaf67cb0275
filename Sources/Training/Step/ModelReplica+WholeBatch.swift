import Modeling

/// The first of the two passes of a step whose loss spans the batch: GradCache (Gao et al., "Scaling deep contrastive
/// learning batch size under memory limited setup", 2021). Activations are kept of one micro-batch at a time, as ever;
/// the price is a second forward pass.
extension ModelReplica {
    /// The outputs of this rank's micro-batches, with the dropout of the step.
    ///
    /// - Throws: `CancellationError` once `isAbandoned` says so; `NonFiniteError` that names the first micro-batch with
    ///   an output that is not finite.
    func trainingOutputs(_ work: StepWork, isAbandoned: @escaping @Sendable () -> Bool) throws -> [[Float]] {
        optimizer.averaged?.hide(on: team.team)
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
}
