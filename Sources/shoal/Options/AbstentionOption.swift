import ArgumentParser
import Inference
import Support

/// When a text is left without a class.
struct AbstentionOption: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Leaves a text without a class whose most probable one has a probability below P, above 0 and at most 1: "
                + "`predict` writes null for its label, beside the probabilities, and `evaluate` adds the coverage and "
                + "the accuracy among the others.", valueName: "p"))
    var abstainBelow: Double?

    func validate() throws {
        guard let abstainBelow else { return }
        guard abstainBelow > 0, abstainBelow <= 1 else {
            throw ValidationError("--abstain-below is \(abstainBelow), must be above 0 and at most 1")
        }
    }

    /// What is asked for; nil for nothing.
    ///
    /// - Throws: An error that names the option, where the model does not give each text one class.
    func checked(_ pipeline: TextPipeline) throws -> Abstention? {
        guard let abstainBelow else { return nil }
        guard pipeline.task.hasOneClass else {
            throw ValidationError(
                "--abstain-below: the model's task is \(pipeline.task.name), whose texts do not have one class each; "
                    + "leave it out")
        }
        return Abstention(leastProbability: abstainBelow)
    }
}
