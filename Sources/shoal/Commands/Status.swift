import ArgumentParser
import Cluster
import Dashboard
import Support

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how a run goes, and its workers.",
        discussion: """
            Reads what the coordinator of a run directory has last said. In place of the run directory, the endpoint where \
            a coordinator listens (tcp://ADDRESS:PORT or ipc://PATH) may be given: it is asked.
            """)

    @OptionGroup var run: RunArgument

    @Flag(help: "Prints JSON.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Prints one value alone, for scripts; an empty line where it is not known.", valueName: "name"))
    var field: StatusField?

    @Option(
        help: ArgumentHelp(
            "For an endpoint whose coordinator has keys: their folder, or that of one of its workers.", valueName: "dir"
        ), transform: UserPath.argument)
    var keys: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seconds to wait for the coordinator's answer.", valueName: "seconds"))
    var timeout: Double = 5

    func validate() throws {
        guard !json || field == nil else { throw ValidationError("give --json or --field, not both") }
        guard timeout.isFinite, timeout > 0, timeout <= 1e6 else {
            throw ValidationError("--timeout is \(timeout), but must be above 0 and at most 1000000")
        }
        guard keys == nil || run.isEndpoint else {
            throw ValidationError("--keys belongs to an endpoint: leave it out for a run directory")
        }
    }

    mutating func run() async throws {
        let keys = try keys.map { try WorkerKeys(folder: $0) }
        let status =
            run.isEndpoint
            ? try StatusReader.ask(run.path, timeout: timeout, keys: keys)
            : try StatusReader.read(runDirectory: run.path)
        if let field {
            let text = field.text(of: status.status, isAlive: status.isAlive)
            // The texts are another process's, and may come from a file.
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                try StandardOutput.line(line.printable(limit: 4096))
            }
        } else if json {
            try StandardOutput.line(status.status.json())
        } else {
            try StandardOutput.line(
                StatusReport(status.status, isAlive: status.isAlive, run: run.isEndpoint ? "" : run.path).text)
        }
    }
}

extension StatusField: ExpressibleByArgument {}
