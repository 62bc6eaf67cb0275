import Foundation
import Modeling
import Support

/// How a run ended well: what `result.json` holds.
public struct RunResult: Sendable, Equatable, Encodable {
    /// The metrics of the test set.
    public struct Test: Sendable, Equatable, Encodable {
        /// What was found.
        public var metrics: MetricReport
        /// Test examples a second.
        public var examplesPerSecond: Double

        /// The metrics, with how fast they were found.
        public init(metrics: MetricReport, examplesPerSecond: Double) {
            self.metrics = metrics
            self.examplesPerSecond = examplesPerSecond
        }

        /// Each metric under its own key.
        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: FreeKey.self)
            try values.encode(metrics.values)
            try values.encode(metrics.loss, forKey: FreeKey("loss"))
            try values.encode(metrics.examples, forKey: FreeKey("examples"))
            try values.encode(examplesPerSecond, forKey: FreeKey("examples_per_second"))
        }
    }

    /// What a model is given beside a text.
    public enum SecondText: Sendable {
        /// Nothing.
        case none
        /// The second text of a pair.
        case text
        /// A word of the text, whose semantic roles are asked for.
        case predicate
    }

    /// A validation.
    public struct Validation: Sendable, Equatable, Encodable {
        /// The steps behind the state.
        public var step: Int
        /// The metric by which states are compared.
        public var primary: Metric
        /// The mean loss.
        public var loss: Double

        /// The metric under its own key.
        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: FreeKey.self)
            try values.encode(step, forKey: FreeKey("step"))
            try values.encode([primary])
            try values.encode(loss, forKey: FreeKey("loss"))
        }
    }

    /// The metrics of the test set; nil without one.
    public var test: Test?
    /// The steps taken.
    public var steps: Int
    /// The SHA-256 of the tensor bytes of `model/model.safetensors`, in name order.
    public var weightsSHA256: String
    /// Seconds from the start of the command to the end.
    public var wallSeconds: Double
    /// Training tokens a second, evaluations not counted.
    public var tokensPerSecond: Double
    /// Training examples a second, evaluations not counted.
    public var examplesPerSecond: Double
    /// The workers.
    public var workers: Int
    /// Seconds from the start of the command until the first step began.
    public var secondsToFirstStep: Double
    /// The steps behind the state that the model is: all, or those of the best state by validation.
    public var modelStep: Int?
    /// The best validation; nil without a validation set.
    public var bestValidation: Validation?
    /// The mean training loss of the last epoch; nil where its steps were taken by a process before this one.
    public var trainLoss: Double?
    /// The model's parameters, and those of them that were trained.
    public var parameters: Int?
    /// See `parameters`.
    public var trainedParameters: Int?
    /// What the model is given beside a text. Not written.
    public var secondText = SecondText.none
    /// The folder of the fine-tuned model. Not written.
    public var modelPath = ""
    /// The run directory. Not written.
    public var output = ""

    private enum CodingKeys: String, CodingKey {
        case test, steps, workers, parameters
        case trainedParameters = "trained_parameters"
        case weightsSHA256 = "weights_sha256"
        case wallSeconds = "wall_seconds"
        case tokensPerSecond = "tokens_per_second"
        case examplesPerSecond = "examples_per_second"
        case secondsToFirstStep = "seconds_to_first_step"
        case modelStep = "model_step"
        case bestValidation = "best_validation"
        case trainLoss = "train_loss"
    }
}

/// What a later process wants to know of a run that is complete, from its `result.json`.
struct CompleteRun: Checked {
    /// The steps taken.
    var steps: Int

    func check() throws(ValueProblem) { try ValueProblem.check("steps", steps, in: 0...CheckedFile.maxCount) }
}
