import ArgumentParser
import Cluster
import Support

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Trains as `train` does, with workers that are started by hand.",
        discussion: """
            Waits for --workers many `\(CommandName.current) worker --coordinator ENDPOINT`, on this machine or others; more may come, and \
            all may go, at any time.
            """)

    @OptionGroup var run: RunOptionGroups

    @Option(
        help: ArgumentHelp(
            "Where to listen for workers: tcp://HOST:PORT or ipc://PATH. HOST is an address (IPv6 in brackets), a name, "
                + "an interface such as eth0, or * for all; PORT a port, a range such as 5500-5599, or * for any.",
            valueName: "endpoint"))
    var bind = "tcp://127.0.0.1:5555"

    @Option(
        help: ArgumentHelp(
            "Writes the port to this file once the coordinator listens: for scripts, with --bind tcp://HOST:*.",
            valueName: "file"), transform: UserPath.argument)
    var portFile: String?

    @OptionGroup var access: RunOptionArguments<AccessSelection>

    mutating func run() async throws {
        var configuration = try run.resolve(access.given)
        configuration.keys = configuration.keys.map(absolutePath)
        try await TrainingSession.run(configuration, workers: .external(bind: bind, portFile: portFile))
    }
}
