import Modeling
import Training

/// Encoder and head learn together, in one phase.
struct FineTuning: Recipe {
    static let name = "fine-tuning"

    func phases(_ request: RecipeRequest) -> [Phase] {
        let run = request.run
        return [
            Phase(
                name: Self.name, head: request.head, objective: request.objective, adapter: request.adapter,
                trainable: request.trainable, hyperparameters: run.hyperparameters, schedule: run.scheduleSettings,
                length: run.steps.map { .steps($0) } ?? .epochs(run.epochs ?? 1),
                batchSize: run.batchSize, microBatches: run.microBatches, maxLength: request.maxLength)
        ]
    }
}
