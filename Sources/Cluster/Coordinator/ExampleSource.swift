import Training
import Transformer

/// A tokenized text.
struct TokenizedText: Sendable, Equatable {
    var tokenIDs: [Int32]
    /// As many segment ids.
    var typeIDs: [Int32]
}

/// Examples by number, tokenized when they are asked for.
protocol ExampleSource: Sendable {
    var count: Int { get }
    func text(_ index: Int) -> TokenizedText
    /// The class; nil for an example without one.
    func label(_ index: Int) -> Int32?
}

extension ExampleSource {
    /// The examples `indices`, packed; dropout is keyed by their numbers.
    func pack(_ indices: some Sequence<Int>, labels: Bool) -> PackedBatch {
        var batch = PackedBatch()
        for index in indices {
            let text = text(index)
            batch.append(
                tokenIDs: text.tokenIDs, typeIDs: text.typeIDs, sampleKey: UInt32(truncatingIfNeeded: index),
                label: labels ? label(index) : nil)
        }
        return batch
    }
}

/// All that the coordinator must know before workers can be welcomed.
struct Preparation: Sendable {
    var welcome: Welcome
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
    /// Examples of a micro-batch when evaluating: fixed, so that its composition, and thereby its bits, do not depend on
    /// the workers.
    var evaluationBatch: Int
    /// Where workers connect to, and the run directory, for people.
    var endpoint = ""
    var output = ""
}

extension RunSummary {
    /// What is known of a run once its data is.
    init(_ preparation: Preparation, _ settings: CoordinatorSettings) {
        self.init(
            examples: preparation.training.count, labels: preparation.labels, parameters: preparation.parameters,
            totalSteps: preparation.totalSteps, stepsPerEpoch: preparation.plan.stepsPerEpoch,
            workers: settings.workers, endpoint: preparation.endpoint, output: preparation.output,
            isResumed: settings.isResumed, keys: settings.keys, remediesForWaiting: settings.remediesForWaiting,
            validationExamples: preparation.validation?.count ?? 0, testExamples: preparation.test?.count ?? 0)
    }
}
