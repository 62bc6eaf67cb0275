import ArgumentParser
import Cluster

/// How the workers that a command starts itself compute.
struct LocalWorkerOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Compute threads of each worker; each takes micro-batches, and memory, of its own (default: the processors "
                + "that this process may use, \(Defaults.threads) here, divided among the workers).",
            valueName: "count"))
    var threadsPerWorker: Int?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Gives each worker processors of its own, one a thread: for machines that do nothing else (default: no)."))
    var pinWorkers: Bool?

    func apply(to options: inout RunOptions) {
        (options.threadsPerWorker, options.pinWorkers) = (threadsPerWorker, pinWorkers)
    }
}
