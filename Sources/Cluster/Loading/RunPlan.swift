import Training
import Modeling

/// All that the coordinator must know before workers can be welcomed.
struct RunPlan: Sendable {
    var welcome: Welcome
    var model: ModelSpecification
    /// The classes, in the order of the logits.
    var labels: [String]
    /// The model's parameters, without alignment gaps.
    var parameters: Int
    var training: any ExampleSource
    var validation: (any ExampleSource)?
    var test: (any ExampleSource)?
    var plan: DataPlan
    var totalSteps: Int
    /// What the run begins with.
    var source: StateSource
    /// What is known of the steps so far: of a run that is resumed, from its files.
    var history: RunHistory
    /// The checkpoint that `source` is, if it is one.
    var checkpoint: String?
    /// The best checkpoint by validation that is there.
    var best: BestState?
    /// The vectors that a checkpoint needs.
    var stateParts: [StatePart] = [.weights]
    /// Examples of a micro-batch when evaluating: fixed, so that its composition, and thereby its bits, do not depend
    /// on the workers.
    var evaluationBatch: Int
    /// Where workers connect to, and the run directory, for people.
    var endpoint = ""
    var output = ""

    /// Examples of a micro-batch when evaluating: about 2,000 tokens, as many as a training micro-batch of the usual
    /// size has, and fewer where there are very many classes.
    static func evaluationBatch(maxLength: Int, classes: Int) -> Int {
        max(1, min(16, 2048 / maxLength, ControlLimits.maxOutputWidth / classes))
    }
}

extension RunSummary {
    /// What is known of a run once its data is.
    init(_ plan: RunPlan, _ settings: CoordinatorSettings) {
        self.init(
            examples: plan.training.count, labels: plan.labels, parameters: plan.parameters,
            totalSteps: plan.totalSteps, stepsPerEpoch: plan.plan.stepsPerEpoch,
            workers: settings.workers, endpoint: plan.endpoint, output: plan.output,
            isResumed: settings.isResumed, keys: settings.keys, remediesForWaiting: settings.remediesForWaiting,
            validationExamples: plan.validation?.count ?? 0, testExamples: plan.test?.count ?? 0)
    }
}
