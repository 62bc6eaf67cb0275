import ArgumentParser
import Cluster
import Support

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Prints an option of a --config file, or of the run.yaml of a run directory, for scripts.")

    @Argument(help: ArgumentHelp("The file.", valueName: "file"), transform: UserPath.argument)
    var file: String

    @Option(
        help: ArgumentHelp(
            "The option's name, as in the file; an empty line is printed where the file does not give it.",
            valueName: "name"))
    var get: String

    mutating func run() async throws {
        guard RunOptions.names.contains(get) else {
            throw ValidationError(
                "--get: there is no option \(get.printable(limit: 100)); the names are "
                    + RunOptions.names.joined(separator: ", "))
        }
        try StandardOutput.line((try RunOptions(yamlFile: file).text(of: get) ?? "").printable(limit: 4096))
    }
}
