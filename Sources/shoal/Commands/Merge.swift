import ArgumentParser
import Foundation
import Modeling
import Support

struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merges an adapter (LoRA) into its model: plain weights, for any program.",
        discussion: """
            The adapter is a folder as peft writes it: adapter_config.json and adapter_model.safetensors. A run with --lora \
            leaves its own in adapter/, and the merged model in model/ already.
            """)

    @Option(
        help: ArgumentHelp(
            "The folder of the model that the adapter was trained on, or the name of a fetched one.", valueName: "dir"),
        transform: UserPath.argument)
    var model: String

    @Option(help: ArgumentHelp("The folder of the adapter.", valueName: "dir"), transform: UserPath.argument)
    var adapter: String

    @Option(
        help: ArgumentHelp("The model folder to write: new, or empty.", valueName: "dir"), transform: UserPath.argument)
    var output: String

    mutating func run() throws {
        let folder = try ModelFolder(path: try ModelPath.resolve(model))
        let adapter = try AdapterFolder(path: adapter, for: folder.configuration)
        if let notice = adapter.labelsNotice(of: folder.configuration) { StandardError.write(notice) }
        let merged = try adapter.merged(into: folder)
        try withExtendedLifetime(merged.weights) {
            try ModelFolder.write(
                to: output, configuration: merged.configuration,
                tensors: WeightLoader.tensors(of: merged.weights, layout: merged.layout, family: folder.family),
                tokenizerFrom: folder.path)
        }
        try StandardOutput.line(output)
    }
}
