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

    @Flag(
        help: """
            Leaves a text without a class that is out of scope: whose "out_of_scope", of a classifier made by --method \
            probe, is above 1, which it is for 5% of held-out training texts.
            """)
    var abstainOutOfScope = false

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
        guard abstainBelow != nil || abstainOutOfScope else { return nil }
        guard pipeline.task.hasOneClass else {
            throw ValidationError(
                "--\(abstainBelow == nil ? "abstain-out-of-scope" : "abstain-below"): the model's task is \(pipeline.task.name), whose texts do not have one class each; "
                    + "leave it out")
        }
        guard !abstainOutOfScope || pipeline.scoresScope else {
            throw ValidationError(
                "--abstain-out-of-scope: the model does not say how far texts are from its classes, as one does that "
                    + "train --method probe has made; leave it out, or give such a one")
        }
        return Abstention(leastProbability: abstainBelow, isWithinScope: abstainOutOfScope)
    }
}
