import ArgumentParser
import Cluster
import Logging
import Support

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Computes for a coordinator, until its run ends.",
        discussion: """
            Needs neither data nor model files: it gets everything from the coordinator. It may be started at any time: it \
            takes part from the next step on. When the coordinator falls silent, it waits for it to be started again.

            Exits with 0 once the run is complete; with 75 where it may be started again: there is no coordinator (any \
            more), or the run was interrupted or has failed.
            """)

    @Option(
        help: ArgumentHelp(
            "Where the coordinator listens: tcp://ADDRESS:PORT or ipc://PATH.", valueName: "endpoint"))
    var coordinator: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Compute threads (default: one for each processor of --cpus, or that this process may use, "
                + "\(Defaults.threads) here).", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "The processors to run on, such as 0-3,8 (default: all that the system allows).", valueName: "list"))
    var cpus: String?

    @Option(
        help: ArgumentHelp(
            "The address, or the name, by which the other workers reach this machine (default: the address of the "
                + "interface toward the coordinator).", valueName: "host"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            "The network interface by which the other workers reach this machine, such as eth0, instead of an address.",
            valueName: "name"))
    var interface: String?

    @Option(
        help: ArgumentHelp(
            "The port for the other workers, or a range of which the first free one is taken, such as 5600-5699, for "
                + "firewalls (default: any free port).", valueName: "ports"))
    var ports: String?

    @Option(
        help: ArgumentHelp(
            "The folder of this worker's keys, made by keygen: encrypts, and trusts no other coordinator.",
            valueName: "dir"), transform: UserPath.argument)
    var keys: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Lets workers on the same machine read gradients in each other's memory, where the system allows it.")
    var sharedMemory = true

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seconds to wait for the coordinator's first answer.", valueName: "seconds"))
    var connectTimeout: Double = 60

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds to wait for a coordinator that fell silent to be started again (default: what the coordinator says).",
            valueName: "seconds"))
    var orphanTimeout: Double?

    @Option(
        help: ArgumentHelp(
            "Writes where the time went to DIR/worker-PID.json at the end: a Chrome trace.", valueName: "dir"),
        transform: UserPath.argument)
    var profile: String?

    @Flag(help: "Listens on addresses that other machines reach, without encryption: on networks that you trust.")
    var insecure = false

    @Option(parsing: .unconditional, help: ArgumentHelp("The process whose end ends this one.", visibility: .hidden))
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
            coordinator: coordinator, threads: WorkerOptions.threads(threads, cpus: cpus),
            address: address, interface: interface, ports: ports,
            sharesMemory: sharedMemory,
            keys: try keys.map { try WorkerKeys(folder: $0) }, insecure: insecure,
            parentPID: parentPid, cpus: cpus, connectTimeout: connectTimeout, orphanTimeout: orphanTimeout,
            profileFolder: profile)
        let logger = Logger(lines: { StandardError.write($0) })
        if insecure, keys == nil, !coordinator.hasPrefix("ipc://"), !coordinator.hasPrefix("tcp://127.") {
            logger.warning("--insecure: every host that reaches this worker can read and change what it computes")
        }
        let end = try await Worker.run(options, logger: logger)
        // A coordinator that has started this worker knows how its run has ended.
        if end == .incomplete, parentPid == nil { throw ExitCode(75) }
    }
}
