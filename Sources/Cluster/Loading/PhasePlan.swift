import Inference
import Modeling
import Training

/// A phase of a run with its data: what its workers are sent, and which steps it has.
struct PhasePlan: Sendable {
    /// What messages call it.
    var name: String
    /// What its workers must know.
    var welcome: Welcome
    var model: ModelSpecification
    /// The classes, in the order of the logits.
    var labels: [String]
    /// The model's parameters, and those of them that are trained.
    var parameters: TrainedShare
    var training: any ExampleSource
    var validation: (any ExampleSource)?
    /// Texts whose outputs are collected before the first step; nil for none.
    var collection: (any ExampleSource)?
    /// The test set; only the last phase has it.
    var test: (any ExampleSource)?
    /// Deals the training examples to steps that are counted from the beginning of the phase.
    var data: DataPlan
    /// Its steps, numbered through the whole run.
    var steps: Range<Int>
    /// The schedule at its beginning; its steps are counted from there.
    var schedule: LearningRateSchedule
    /// The vectors that a checkpoint needs.
    var stateParts: [StatePart] = [.weights]
    /// The steps of the phase after which weights are averaged; nil for no averaging.
    var averagedAfter: Int?
    /// Examples of a micro-batch when evaluating: fixed, so that its composition, and thereby its bits, do not depend
    /// on the workers.
    var evaluationBatch: Int
    /// Bytes, at most, of what is counted of an example.
    var metricBytes = 0
    /// Whether it learns what teachers have put out.
    var isDistilled = false

    /// Examples of a micro-batch when evaluating: about 2,000 tokens, as many as a training micro-batch of the usual
    /// size has, and fewer where there are very many classes.
    static func evaluationBatch(maxLength: Int, head: any Head) -> Int {
        let outputs = head.outputWidth
        // Of a vocabulary as many logits as take 64 MiB, a sixth of the tokens being masked.
        let most = head.tiesWords ? evaluationLogits / outputs * 6 / maxLength : ControlLimits.maxOutputWidth / outputs
        let bytes = head.metricBytes(maxLength: maxLength)
        let metrics = bytes == 0 ? most : ControlLimits.metricsText / bytes
        return max(1, min(16, 2048 / maxLength / head.sequencesPerExample, most, metrics))
    }

    private static let evaluationLogits = 1 << 24

    /// Of how many steps the weights are the mean after so many of the phase; 0 where they are no mean.
    func averagedSteps(after steps: Int) -> Int { averagedAfter.map { max(0, steps - $0) } ?? 0 }

    /// Its history from `base` on.
    func history(from base: RunHistory.Point) -> RunHistory {
        RunHistory(
            base: base, stepsPerEpoch: data.stepsPerEpoch, steps: steps, hasValidation: validation != nil)
    }
}
