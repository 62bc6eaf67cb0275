import ArgumentParser
import Cluster

/// The options that `train` and `coordinator` share.
struct RunOptionGroups: ParsableArguments {
    @OptionGroup(title: "Model and Data") var data: RunDataOptions
    @OptionGroup(title: "Learning") var optimization: OptimizationOptions
    @OptionGroup(title: "Learning Rate") var schedule: ScheduleOptions
    @OptionGroup(title: "Workers") var workers: WorkerCountOptions

    /// The configuration that they ask for, together with the file of `--config`.
    ///
    /// - Parameter threadsPerWorker: where the command has that option.
    func resolve(threadsPerWorker: Int? = nil) throws -> RunConfiguration {
        var options = RunOptions()
        data.apply(to: &options)
        optimization.apply(to: &options)
        schedule.apply(to: &options)
        workers.apply(to: &options)
        options.threadsPerWorker = threadsPerWorker
        return try RunConfiguration.resolve(options, file: data.config)
    }
}

/// How many workers there are, and how long they are waited for.
struct WorkerCountOptions: ParsableArguments {
    private static let run = Defaults.run

    @Option(help: ArgumentHelp("Worker processes (default: \(run.workers)).", valueName: "count"))
    var workers: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds without a sign of life after which a worker counts as lost (default: \(run.heartbeatTimeout)).",
            valueName: "seconds"))
    var heartbeatTimeout: Double?

    @Option(
        help: ArgumentHelp(
            "Seconds to wait for all workers to join (default: \(run.joinTimeout)).", valueName: "seconds"))
    var joinTimeout: Double?

    func apply(to options: inout RunOptions) {
        (options.workers, options.heartbeatTimeout, options.joinTimeout) = (workers, heartbeatTimeout, joinTimeout)
    }
}
