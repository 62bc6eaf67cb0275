import ArgumentParser
import Cluster
import Support

struct Keygen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Makes the keys by which a coordinator and its workers know each other.",
        discussion: """
            Writes the coordinator's keys to DIR, and those of each worker to DIR/workers/NAME. Start the coordinator with \
            --keys DIR; copy DIR/workers/NAME to the worker's machine, and start the worker with --keys there. More workers \
            may be added later, and removed, also while a run is under way.
            """)

    @Argument(
        help: ArgumentHelp("The folder of the coordinator's keys.", valueName: "dir"), transform: UserPath.argument)
    var directory: String

    @Option(
        name: .customLong("worker"), parsing: .upToNextOption,
        help: ArgumentHelp("Workers to make keys for (default for a new folder: one called worker).", valueName: "name")
    )
    var workers: [String] = []

    @Option(help: ArgumentHelp("Revokes a worker's key.", valueName: "name"))
    var revoke: String?

    mutating func run() async throws {
        let folder = KeyFolder(directory)
        if let revoke {
            try folder.revoke(revoke)
            try StandardOutput.line("\(revoke) is not let in any more")
            guard !workers.isEmpty else { return }
        }
        let isNew = try folder.make(workers: workers)
        if isNew {
            try StandardOutput.line(
                "the coordinator's keys: \(directory) (\(CommandName.line("coordinator", "--keys", directory)) …)")
        }
        if isNew, workers.isEmpty {
            workers = ["worker"]
            _ = try folder.make(workers: workers)
        }
        if !isNew, workers.isEmpty {
            try StandardOutput.line("\(directory) has keys already; --worker NAME adds a worker")
        }
        for name in workers {
            try StandardOutput.line(
                "\(name)'s keys: \(folder.workerFolder(name)) "
                    + "(to be copied to its machine, for: \(CommandName.current) worker --keys FOLDER …)")
        }
    }
}
