import ArgumentParser
import Support

/// The adapter that goes with a model.
struct AdapterOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of an adapter (LoRA) that was trained on the model, as peft writes it.", valueName: "dir"),
        transform: UserPath.argument)
    var adapter: String?
}
