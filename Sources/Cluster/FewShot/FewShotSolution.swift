import Inference
import Modeling

/// What was computed from the outputs that a phase has collected.
struct FewShotSolution: Sendable {
    /// What the folder of the model has beside its weights; nil where these go on learning.
    var classifier: PooledClassifier?
    /// The state with which the next phase begins.
    var state: LoadedState
    /// What was found on the validation and the test set.
    var reports: [EvaluationKind: MetricReport]
    /// From which probability on a text has a label, where that is a question.
    var threshold: Double?
    /// For people: what was tried and chosen.
    var notices: [String]
    /// Seconds that it took.
    var seconds = 0.0
}
