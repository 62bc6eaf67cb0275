import Inference
import Modeling
import Training

/// Embeddings of all texts are collected; the classifier is computed from them at once, see ``FewShotRun``. Neither
/// phase has a step.
struct Probe: Recipe {
    static let name = "probe"

    func phases(_ request: RecipeRequest) -> [Phase] {
        guard let head = request.head as? PooledClassification, let width = request.embeddingWidth else { return [] }
        let run = request.run
        func phase(_ name: String, _ head: any Head, _ objective: any Objective, _ trainable: TrainableSet) -> Phase {
            Phase(
                name: name, head: head, objective: objective, trainable: trainable,
                hyperparameters: run.hyperparameters,
                schedule: run.scheduleSettings, length: .steps(0), batchSize: run.batchSize,
                microBatches: run.microBatches, maxLength: request.maxLength)
        }
        let embedding = SentenceEmbedding(width: width, pooling: head.pooling, normalizes: head.normalizes)
        var collection = phase("embedding", TextEmbedding(embedding), NoObjective(), .all)
        collection.collectsOutputs = true
        return [collection, phase(Self.name, head, request.objective, .only([.head]))]
    }
}
