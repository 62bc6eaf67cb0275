import Modeling
import Training

/// A method of training: a list of phases. A method is one file, and one line in ``Recipes``.
protocol Recipe: Sendable {
    /// Its name, for people.
    static var name: String { get }
    /// The phases of a run, at least one, in their order. All have the same encoder.
    func phases(_ request: RecipeRequest) -> [Phase]
}

/// What a recipe knows of the run.
struct RecipeRequest: Sendable {
    /// All options, with what the data decided on.
    var run: RunConfiguration
    /// The head of the run's task.
    var head: any Head
    /// What it learns by.
    var objective: any Objective
    /// Floats of an embedding.
    var embeddingWidth: Int?
    /// Tokens of a text at most: what is asked for, or what the model has.
    var maxLength: Int
    /// The parts of the model that the options leave to train.
    var trainable = TrainableSet.all
    /// The adapter that learns beside the head.
    var adapter: LowRankAdapter?
    /// What the teachers' logits are made by, and the tokens of a text that each of them sees at most.
    var teachers: [(head: CollectedLogits, maxLength: Int)] = []

    /// The embeddings that the head stands on; nil for a head that does not.
    var embedding: SentenceEmbedding? {
        guard let head = head as? PooledClassification, let embeddingWidth else { return nil }
        return SentenceEmbedding(width: embeddingWidth, pooling: head.pooling, normalizes: head.normalizes)
    }
}

/// The methods that a run can be made by: one line for each.
enum Recipes {
    /// All of them; the first is the default.
    static let all: [any Recipe] = [
        FineTuning(),
        Probe(),
        Contrastive(),
        Distilling(),
    ]

    /// That of a run for which none is asked for.
    static var standard: any Recipe { all[0] }

    /// That of a method.
    static func recipe(_ method: TrainingMethod) -> any Recipe {
        switch method {
        case .auto, .finetune: FineTuning()
        case .probe: Probe()
        case .contrastive: Contrastive()
        case .distill: Distilling()
        }
    }
}
