import Foundation

/// How a run ended well: what `result.json` holds.
public struct RunResult: Sendable, Equatable, Codable, Checked {
    /// The metrics of the test set.
    public struct Test: Sendable, Equatable, Codable {
        /// The share of right predictions.
        public var accuracy: Double
        /// The mean F1 over the classes.
        public var macroF1: Double
        /// The mean loss.
        public var loss: Double
        /// The test examples.
        public var examples: Int
        /// Test examples a second.
        public var examplesPerSecond: Double

        private enum CodingKeys: String, CodingKey {
            case accuracy, loss, examples
            case macroF1 = "macro_f1"
            case examplesPerSecond = "examples_per_second"
        }
    }

    /// A validation.
    public struct Validation: Sendable, Equatable, Codable {
        /// The steps behind the state.
        public var step: Int
        /// The share of right predictions.
        public var accuracy: Double
        /// The mean loss.
        public var loss: Double
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
    /// The steps behind the state that the model is: all, or those of the best state by validation. Nil in files of
    /// older versions.
    public var modelStep: Int?
    /// The best validation; nil without a validation set.
    public var bestValidation: Validation?
    /// The mean training loss of the last epoch; nil where its steps were taken by a process before this one.
    public var trainLoss: Double?
    /// The folder of the fine-tuned model. Not written.
    public var modelPath = ""
    /// The run directory. Not written.
    public var output = ""

    func check() throws(ValueProblem) {
        try ValueProblem.check("steps", steps, in: 0...CheckedFile.maxCount)
        try ValueProblem.check("model_step", modelStep ?? 0, in: 0...CheckedFile.maxCount)
        try ValueProblem.check("workers", workers, in: 0...CheckedFile.maxCount)
    }

    private enum CodingKeys: String, CodingKey {
        case test, steps, workers
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
