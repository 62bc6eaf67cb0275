import ArgumentParser
import Inference

/// What a model is used for, where its folder does not say.
struct TaskOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What the model is for, where its folder leaves that open, such as \(Embedding().name) for an encoder "
                + "without a head (default: as the folder says).", valueName: "name"),
        transform: Self.named)
    var task: (any Task)?

    private static func named(_ name: String) throws -> any Task {
        guard let task = Tasks.named(name) else {
            throw ValidationError("must be one of \(Tasks.all.map(\.name).joined(separator: ", "))")
        }
        return task
    }
}
