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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Passes over the training examples, all together (default: as before).", valueName: "count"))
    var epochs: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Steps of the whole run, instead of --epochs (default: as before).", valueName: "count"))
    var steps: Int?

    @OptionGroup(title: "Workers (default: as before)") var workers: WorkerCountOptions
    @OptionGroup(title: "Workers on This Machine") var local: LocalWorkerOptions
    @OptionGroup(title: "Checkpoints (default: as before)") var checkpoints: CheckpointOptions

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

    @Option(
        help: ArgumentHelp("The folder of the coordinator's keys (default: as before).", valueName: "dir"),
        transform: UserPath.argument)
    var keys: String?

    @Flag(help: "Goes on although the data or the model have changed: the result is then another one.")
    var acceptChanges = false

    @Flag(
        inversion: .prefixedNo,
        help: "Listens on addresses that other machines reach, without encryption (default: as before).")
    var insecure: Bool?

    mutating func run() async throws {
        var options = RunOptions()
        (options.epochs, options.steps, options.insecure) = (epochs, steps, insecure)
        options.keys = keys.map(absolutePath)
        local.apply(to: &options)
        workers.apply(to: &options)
        checkpoints.apply(to: &options)
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
                ("threads-per-worker", local.threadsPerWorker != nil), ("pin-workers", local.pinWorkers == true),
                ("max-restarts", workers.maxRestarts != nil),
            ]
            reason = "belongs to runs that start their workers, and this run's are started by hand; leave it out"
        case .local:
            given = [
                ("keys", keys != nil), ("insecure", insecure == true), ("port-file", portFile != nil),
            ]
            reason = "belongs to runs whose workers are started by hand, and this run starts its own; leave it out"
        }
        if let option = given.first(where: \.isGiven) { throw .unused(option.name, reason: reason) }
    }
}
