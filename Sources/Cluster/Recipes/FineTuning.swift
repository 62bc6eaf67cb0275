import Inference
import Modeling
import Training

/// Encoder and head learn together, in one phase. Where the head comes first (LP-FT: Kumar et al., "Fine-tuning can
/// distort pretrained features and underperform out-of-distribution", 2022), it is computed from embeddings before.
struct FineTuning: Recipe {
    static let name = "fine-tuning"

    func phases(_ request: RecipeRequest) -> [Phase] {
        let run = request.run
        let tuning = Phase(
            name: Self.name, head: request.head, objective: request.objective, adapter: request.adapter,
            trainable: request.trainable, hyperparameters: run.hyperparameters, schedule: run.scheduleSettings,
            length: run.steps.map { .steps($0) } ?? .epochs(run.epochs ?? 1),
            batchSize: run.batchSize, microBatches: run.microBatches, maxLength: request.maxLength)
        return (run.headFirst ? Probe.collection(request).map { [$0] } ?? [] : []) + [tuning]
    }
}
