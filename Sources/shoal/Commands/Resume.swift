import ArgumentParser
import Cluster
import Support

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Goes on with a run that was stopped, or killed.",
        discussion: """
            Takes the newest whole checkpoint of the run directory, or the newest state of the run's workers where some of \
            them live still, and ends with the same weights, bit by bit, as a run that was never stopped, with any number \
            of workers. With more --epochs or --steps a run that is complete trains on.
            """)

    @OptionGroup var run: RunArgument

    @OptionGroup var length: RunOptionArguments<ResumedLengthSelection>

    @OptionGroup(title: "Workers (default: as before)") var workers: RunOptionArguments<WorkersSelection>
    @OptionGroup(title: "Workers on This Machine") var local: RunOptionArguments<LocalWorkersSelection>
    @OptionGroup(title: "Checkpoints (default: as before)") var checkpoints: RunOptionArguments<CheckpointsSelection>

    @Option(
        help: ArgumentHelp(
            "Where to listen for workers that are started by hand (default: where the run did before).",
            valueName: "endpoint"))
    var bind: String?

    @Option(
        help: ArgumentHelp(
            "Writes the port to this file once the coordinator listens: for scripts.",
            valueName: "file"), transform: UserPath.argument)
    var portFile: String?

    @OptionGroup var access: RunOptionArguments<ResumedAccessSelection>

    @Flag(help: "Goes on although the data or the model have changed: the result is then another one.")
    var acceptChanges = false

    mutating func run() async throws {
        var options = length.given
        for part in [local.given, workers.given, checkpoints.given, access.given] { options.add(part) }
        options.keys = options.keys.map(absolutePath)
        var (configuration, source) = try ResumeOptions.read(run.path, overrides: options, bind: bind)
        try checkUse(source)
        if let portFile, case .external(let bind, _) = source { source = .external(bind: bind, portFile: portFile) }
        try await TrainingSession.run(
            configuration, workers: source, resume: ResumeOptions(acceptsChanges: acceptChanges))
    }

    /// Refuses options that have no effect on workers that come from `source`.
    private func checkUse(_ source: WorkerSource) throws(ConfigurationError) {
        let given: [(name: String, isGiven: Bool)]
        let reason: String
        switch source {
        case .external:
            given = [
                ("threads-per-worker", local.given.threadsPerWorker != nil),
                ("pin-workers", local.given.pinWorkers == true),
                ("max-restarts", local.given.maxRestarts != nil),
            ]
            reason = "belongs to runs that start their workers, and this run's are started by hand; leave it out"
        case .local:
            given = [
                ("keys", access.given.keys != nil), ("insecure", access.given.insecure == true),
                ("port-file", portFile != nil),
            ]
            reason = "belongs to runs whose workers are started by hand, and this run starts its own; leave it out"
        }
        if let option = given.first(where: \.isGiven) { throw .unused(option.name, reason: reason) }
    }
}
