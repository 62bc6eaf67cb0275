import Inference
import Modeling
import Training

/// Embeddings of all texts are collected; the classifier is computed from them at once, see ``FewShotRun``. Neither
/// phase has a step.
struct Probe: Recipe {
    static let name = "probe"

    func phases(_ request: RecipeRequest) -> [Phase] {
        guard let collection = Self.collection(request) else { return [] }
        return [collection, Self.classifier(request)]
    }

    /// The phase in which embeddings are collected; nil for a head that does not stand on them.
    static func collection(_ request: RecipeRequest) -> Phase? {
        guard let head = request.embedding else { return nil }
        var phase = phase("embedding", TextEmbedding(head), NoObjective(), .all, request)
        phase.collectsOutputs = true
        return phase
    }

    /// The phase that begins, and ends, with the classifier.
    static func classifier(_ request: RecipeRequest) -> Phase {
        phase(Self.name, request.head, request.objective, .only([.head]), request)
    }

    /// A phase without steps.
    static func phase(
        _ name: String, _ head: any Head, _ objective: any Objective, _ trainable: TrainableSet,
        _ request: RecipeRequest
    ) -> Phase {
        let run = request.run
        return Phase(
            name: name, head: head, objective: objective, trainable: trainable,
            hyperparameters: run.hyperparameters, schedule: run.scheduleSettings, length: .steps(0),
            batchSize: run.batchSize, microBatches: run.microBatches, maxLength: request.maxLength)
    }
}
