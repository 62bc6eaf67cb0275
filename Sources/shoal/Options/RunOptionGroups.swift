import ArgumentParser
import Cluster

/// The options that `train` and `coordinator` share.
struct RunOptionGroups: ParsableArguments {
    @OptionGroup(title: "Model and Data") var data: RunDataOptions
    @OptionGroup(title: "Learning") var optimization: OptimizationOptions
    @OptionGroup(title: "Learning Rate") var schedule: ScheduleOptions
    @OptionGroup(title: "Workers") var workers: WorkerCountOptions
    @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions

    /// The configuration that they ask for, together with the file of `--config`.
    ///
    /// - Parameter local: where the command starts workers itself.
    func resolve(local: LocalWorkerOptions? = nil) throws -> RunConfiguration {
        var options = RunOptions()
        data.apply(to: &options)
        optimization.apply(to: &options)
        schedule.apply(to: &options)
        workers.apply(to: &options)
        checkpoints.apply(to: &options)
        local?.apply(to: &options)
        var configuration = try RunConfiguration.resolve(options, file: data.config)
        configuration.model = try ModelPath.resolve(configuration.model)
        return configuration
    }
}

/// How many workers there are, and how long they are waited for.
struct WorkerCountOptions: ParsableArguments {
    private static let run = Defaults.run

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Worker processes (default: \(run.workers)).", valueName: "count"))
    var workers: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Workers below which the others wait for more (default: \(run.minWorkers)).", valueName: "count"))
    var minWorkers: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How often workers of this machine that are lost are started again, all together "
                + "(default: \(run.maxRestarts)).", valueName: "count"))
    var maxRestarts: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds without a sign of life after which a worker counts as lost (default: \(run.heartbeatTimeout)).",
            valueName: "seconds"))
    var heartbeatTimeout: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds to wait for all workers to join (default: \(run.joinTimeout)).", valueName: "seconds"))
    var joinTimeout: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds that workers wait for a coordinator that fell silent to be started again, by resume "
                + "(default: \(run.orphanTimeout)).", valueName: "seconds"))
    var orphanTimeout: Double?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp("Gives fast workers more of a step than slow ones (default: yes)."))
    var balance: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Computes activations again for the backward pass instead of keeping them: less memory, more time, the same "
                + "weights (default: no)."))
    var recompute: Bool?

    @Option(
        help: ArgumentHelp(
            "In what workers send gradients: float32, or bf16, half the bytes for slow networks; the weights then depend on "
                + "the number of workers and, without --no-balance, on their speeds (default: \(run.wire.rawValue)).",
            valueName: "name"))
    var wire: String?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Compresses gradients, without a loss: for networks of a few hundred Mbit/s and less (default: no)."))
    var compressWire: Bool?

    func apply(to options: inout RunOptions) {
        (options.workers, options.minWorkers, options.maxRestarts) = (workers, minWorkers, maxRestarts)
        (options.heartbeatTimeout, options.joinTimeout) = (heartbeatTimeout, joinTimeout)
        (options.orphanTimeout, options.balance) = (orphanTimeout, balance)
        (options.recompute, options.wire, options.compressWire) = (recompute, wire, compressWire)
    }
}

/// When the state is kept.
struct CheckpointOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Steps between checkpoints; 0 for none at all (default: by time).", valueName: "steps"))
    var checkpointEvery: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Minutes between checkpoints; 0 for none (default: 5, or none with --checkpoint-every).",
            valueName: "minutes"))
    var checkpointMinutes: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The newest checkpoints to keep, besides the best by --validation; 0 keeps none once the model is written "
                + "(default: \(Defaults.run.keepCheckpoints)).", valueName: "count"))
    var keepCheckpoints: Int?

    @Option(
        help: ArgumentHelp(
            "Which state becomes the model: last, or best by --validation (default: \(Defaults.run.keep.rawValue)).",
            valueName: "state"))
    var keep: String?

    func apply(to options: inout RunOptions) {
        (options.checkpointEvery, options.checkpointMinutes) = (checkpointEvery, checkpointMinutes)
        (options.keepCheckpoints, options.keep) = (keepCheckpoints, keep)
    }
}
