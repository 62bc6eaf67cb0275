import ArgumentParser
import Cluster

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Computes for a coordinator, until its run ends.",
        discussion: """
            Needs neither data nor model files: it gets everything from the coordinator. It may be started at any time: it \
            takes part from the next step on. When the coordinator falls silent, it waits for it to be started again.
            """)

    @Option(
        help: ArgumentHelp(
            "Where the coordinator listens: tcp://ADDRESS:PORT or ipc://PATH.", valueName: "endpoint"))
    var coordinator: String

    @Option(help: ArgumentHelp("Compute threads.", valueName: "count"))
    var threads = 1

    @Option(
        help: ArgumentHelp(
            "The address of this machine that the other workers reach, tcp://ADDRESS:* or with a port (default: the one "
                + "by which it reaches the coordinator).", valueName: "endpoint"))
    var dataAddress: String?

    @Option(
        help: ArgumentHelp(
            "The folder of this worker's keys, made by shoal keygen: encrypts, and trusts no other coordinator.",
            valueName: "dir"))
    var keys: String?

    @Option(help: ArgumentHelp("Seconds to wait for the coordinator's first answer.", valueName: "seconds"))
    var connectTimeout: Double = 60

    @Option(
        help: ArgumentHelp(
            "Seconds to wait for a coordinator that fell silent to be started again (default: what the coordinator says).",
            valueName: "seconds"))
    var orphanTimeout: Double?

    @Option(
        help: ArgumentHelp(
            "Writes where the time went to DIR/worker-PID.json at the end: a Chrome trace.", valueName: "dir"))
    var profile: String?

    @Flag(help: "Listens on addresses that other machines reach, without encryption: on networks that you trust.")
    var insecure = false

    @Option(help: ArgumentHelp("The process whose end ends this one.", visibility: .hidden))
    var parentPid: Int32?

    func validate() throws {
        guard connectTimeout.isFinite, connectTimeout > 0, connectTimeout <= 1e6 else {
            throw ValidationError("--connect-timeout is \(connectTimeout), but must be above 0 and at most 1000000")
        }
        if let orphanTimeout {
            guard orphanTimeout.isFinite, orphanTimeout >= 0, orphanTimeout <= 1e6 else {
                throw ValidationError("--orphan-timeout is \(orphanTimeout), but must be 0 to 1000000")
            }
        }
    }

    mutating func run() async throws {
        let options = WorkerOptions(
            coordinator: coordinator, threads: threads, dataAddress: dataAddress,
            keys: try keys.map { try WorkerKeys(folder: $0) }, insecure: insecure,
            parentPID: parentPid, connectTimeout: connectTimeout, orphanTimeout: orphanTimeout,
            profileFolder: profile)
        try await Worker.run(options) { StandardError.write($0) }
    }
}
