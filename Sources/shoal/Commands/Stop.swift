import ArgumentParser
import Cluster
import Support

struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Ends a run of this machine as Ctrl-C does: its state is kept, and it can be resumed.",
        discussion: """
            Waits for the end, and says what was kept. A run that has ended already is no error. What started the run, \
            a terminal or a service, sees it end with exit code 130.
            """)

    @OptionGroup var run: RunArgument

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seconds to wait for the end (default: 300).", valueName: "seconds"))
    var timeout: Double = 300

    func validate() throws {
        guard timeout.isFinite, timeout > 0, timeout <= 1e6 else {
            throw ValidationError("--timeout is \(timeout), but must be above 0 and at most 1000000")
        }
        guard !run.isEndpoint else {
            throw ValidationError(
                "\(run.path.printable(limit: 400)) is an endpoint: give the run directory, on the coordinator's machine"
            )
        }
    }

    mutating func run() async throws {
        try StandardOutput.line(
            await RunStopper.stop(run.path, timeout: timeout) { StandardError.write($0) })
    }
}
