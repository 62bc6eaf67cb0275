import Inference
import Modeling
import Training

/// The encoder learns to bring texts of one class together and those of different classes apart; then the classifier is
/// computed from its embeddings as that of a ``Probe``: SetFit (Tunstall et al., "Efficient few-shot learning without
/// prompts", 2022) with pairs of texts, or with each text compared with all others of a step, or so with their tokens,
/// as FastFit does (Yehudai and Bandel, 2024).
struct Contrastive: Recipe {
    static let name = "contrastive"

    func phases(_ request: RecipeRequest) -> [Phase] {
        guard let embedding = request.embedding, let collection = Probe.collection(request) else { return [] }
        let run = request.run
        let (head, objective): (any Head, any Objective) =
            switch run.contrastiveLoss {
            case .supervised:
                (
                    TextEmbedding(embedding),
                    SupervisedContrastive(
                        temperature: run.contrastiveTemperature ?? SupervisedContrastive.usualTemperature)
                )
            case .pairs: (embedding, CosineSimilarity())
            case .fastfit:
                (
                    TokenEmbedding(width: embedding.width),
                    TokenContrastive(temperature: run.contrastiveTemperature ?? TokenContrastive.usualTemperature)
                )
            }
        var learning = Phase(
            name: Self.name, head: head, objective: objective, trainable: request.trainable,
            hyperparameters: run.hyperparameters, schedule: run.scheduleSettings,
            length: run.steps.map { .steps($0) } ?? .epochs(run.epochs ?? 1),
            batchSize: run.batchSize, microBatches: run.microBatches, maxLength: request.maxLength)
        learning.examples = .contrasted
        return [learning, collection, Probe.classifier(request)]
    }
}
