import Inference
import Modeling

/// All that the coordinator works with.
struct LoadedRun: Sendable {
    var plan: RunPlan
    /// The state to begin with.
    var state: LoadedState
    /// By phase.
    var layouts: [ParameterLayout]
    /// What is made of the outputs that phases collect, by their numbers.
    var outputUses: [Int: any OutputUse]
    /// What the folder of the model has beside its weights; nil for nothing.
    var classifier: PooledClassifier?
    /// From which probability on a text has a label, where a computed model says it.
    var threshold: Double?
    /// What goes into config.json.
    var configuration: ModelConfiguration
    /// Tokens of a text at most.
    var maxLength: Int
    /// By which the run knows its data and its model again.
    var fingerprint: [String: String]
    /// Worth a warning.
    var warnings: [String]
    /// Worth a line: what was read, chosen or left out.
    var notices: [String]
    /// What is done, with what the data decided on.
    var run: RunConfiguration
}
