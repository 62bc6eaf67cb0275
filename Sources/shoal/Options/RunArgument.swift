import ArgumentParser
import Support

/// The run that a command is about.
struct RunArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The run directory: the --output of the run.", valueName: "run-dir"),
        transform: UserPath.argument)
    var path: String

    /// Whether it is where a coordinator listens, not a folder.
    var isEndpoint: Bool { path.hasPrefix("tcp://") || path.hasPrefix("ipc://") }
}
