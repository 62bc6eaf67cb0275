import Collectives
import Foundation
import Logging
import Support

/// A worker: connects to a coordinator, computes what it orders, ends with the run.
public enum Worker {
    /// Runs until the coordinator ends the run.
    ///
    /// Signals are left alone, except for those of a terminal where a coordinator on this machine has started the
    /// worker: Ctrl-C is the coordinator's business then.
    ///
    /// - Parameters:
    ///   - options: Where the coordinator is, and more.
    ///   - logger: Gets a line for people now and then.
    /// - Returns: How the run ended.
    /// - Throws: ``RunError`` and others, described in one line each; ``RunError/noCoordinator(_:)`` where there is
    ///   none (any more).
    public static func run(
        _ options: WorkerOptions, logger: Logger
    ) async throws -> RunEnd {
        guard (1...ControlLimits.maxThreads).contains(options.threads) else {
            throw ConfigurationError.invalid(
                "threads", value: "\(options.threads)", need: "1 to \(ControlLimits.maxThreads)")
        }
        try Endpoint.checkCoordinator(options.coordinator)
        if let cpus = options.cpus { try pin(to: cpus) }
        if options.parentPID == nil, options.threads > AvailableProcessors.count {
            let threads = RunConfiguration.plural(options.threads, "thread")
            let processors = RunConfiguration.plural(AvailableProcessors.count, "processor")
            logger.warning("\(threads) on \(processors): they take turns")
        }
        do throws(ConfigurationError) {
            try Endpoint.checkHostIsKnown(options.coordinator, option: "coordinator")
        } catch {
            // Without --address, it ends with this below; else a name server may come to know the host while it waits.
            if options.address != nil || options.interface != nil { logger.warning("\(error)") }
        }
        AllocatorTuning.keepFreedBlocks()
        FileDescriptors.raiseLimit()
        let dataAddress = try DataAddress(options)
        if options.parentPID != nil {
            signal(SIGINT, SIG_IGN)
            signal(SIGHUP, SIG_IGN)
        }
        let purpose = "a worker of \(RunConfiguration.plural(options.threads, "thread"))"
        try ResourceProbe.threads(options.threads + Self.ownThreads, for: purpose)
        try ResourceProbe.files(32, for: purpose)
        try ResourceProbe.memory(320 << 20, for: purpose)
        return try await withCheckedThrowingContinuation { (done: CheckedContinuation<RunEnd, any Error>) in
            do throws(ResourceLimitError) {
                try NamedThread.start("shoal-control") {
                    do {
                        let loop = try WorkerLoop(options: options, dataAddress: dataAddress, logger: logger)
                        done.resume(returning: try loop.run())
                    } catch {
                        done.resume(throwing: error)
                    }
                }
            } catch {
                done.resume(throwing: error)
            }
        }
    }

    /// Beside those that compute: control, compute, all-reduce, connections, keys, and those of the library for two
    /// contexts.
    static let ownThreads = 10

    private static func pin(to text: String) throws(ConfigurationError) {
        guard let set = ProcessorSet(parsing: text) else {
            throw .invalid("cpus", value: text, need: "a list of processors such as 0-3,8")
        }
        let code = set.pinProcess()
        // The kernel passes over those that are not there.
        let missing = code == 0 ? set.numbers.filter { ProcessorSet.allowed?.numbers.contains($0) == false } : []
        if let missing = ProcessorSet(missing) {
            throw .unsupported("cpus", value: text, reason: "this process may not use \(missing)")
        }
        guard code != 0 else { return }
        let allowed = ProcessorSet.allowed.map { "; it may use \($0)" } ?? ""
        let reason =
            code == EINVAL ? "none of them is a processor of this process" : String(cString: strerror(code))
        throw .unsupported("cpus", value: text, reason: reason + allowed)
    }
}
