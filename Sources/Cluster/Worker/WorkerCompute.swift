import DequeModule
import Collectives
import Foundation
import Logging
import Numerics
import Support
import Synchronization

/// The compute thread of a worker with its queue of jobs. Everything that touches the replica happens on that thread.
final class WorkerCompute: Sendable {
    private struct State {
        var jobs: Deque<ComputeJob> = []
        var ends = false
    }

    private let state = Mutex(State())
    private let abandoned = AbandonedFlag()
    private let pending = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    /// The all-reduce of the generation, to be aborted from other threads.
    private let reducer = Mutex<AllReducer?>(nil)

    /// Starts the thread. `report` is called on it with every result.
    ///
    /// - Throws: ``ResourceLimitError`` if the system does not allow it.
    init(
        options: WorkerOptions, dataAddress: DataAddress, dataKeys: CurveKeyPair?,
        logger: Logger,
        report: @escaping @Sendable (ComputeResult) -> Void
    ) throws(ResourceLimitError) {
        let sharesMemory = options.sharesMemory
        let (threads, keep) = (options.threads, { @Sendable [self] (reducer: AllReducer?) in register(reducer) })
        // A generation has a socket of its own; what was logged of one before need not be logged again.
        let deduplicator = LogDeduplicator()
        let profile = options.profileFolder.map { _ in Profile() }
        try NamedThread.start("shoal-compute") { [self] in
            let worker = ReplicaWorker(
                threads: threads, profile: profile, dataAddress: dataAddress, sharesMemory: sharesMemory,
                dataKeys: dataKeys, abandoned: abandoned,
                registerReducer: keep,
                logger: Logger(lines: { if deduplicator.shouldLog($0) { logger.notice("\($0)") } }),
                report: report)
            while let job = next() { worker.perform(job) }
            worker.close()
            if let profile, let folder = options.profileFolder { Self.write(profile, to: folder, logger) }
            ended.signal()
        }
    }

    /// That a profile cannot be written is logged, and ends nothing.
    private static func write(_ profile: Profile, to folder: String, _ logger: Logger) {
        let path = "\(folder)/worker-\(getpid()).json"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let host = HostDescription.worker(threads: 1).host
            try profile.trace(processName: "worker \(getpid()) on \(host)").write(
                to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            logger.notice("the profile could not be written to \(path): \(error)")
        }
    }

    func submit(_ job: ComputeJob) {
        state.withLock { $0.jobs.append(job) }
        pending.signal()
    }

    /// Forgets the work of the generation that waits, and makes the step under way fail.
    func abandon(_ reason: String) {
        state.withLock { $0.jobs.removeAll { $0.isOfGeneration } }
        abandoned.set()
        reducer.withLock { $0 }?.abort(reason: reason)
    }

    /// Ends the thread; waits up to `seconds` for what it is doing.
    func stop(seconds: Double) {
        state.withLock {
            $0.jobs.removeAll()
            $0.ends = true
        }
        abandoned.set()
        reducer.withLock { $0 }?.abort(reason: "the worker ends")
        pending.signal()
        _ = ended.wait(timeout: .now() + seconds)
    }

    private func register(_ reducer: AllReducer?) { self.reducer.withLock { $0 = reducer } }

    /// The next job; nil at the end. Jobs that were removed leave signals behind: those find the queue empty.
    private func next() -> ComputeJob? {
        while true {
            pending.wait()
            let (job, ends) = state.withLock { ($0.jobs.popFirst(), $0.ends) }
            if let job { return job }
            if ends { return nil }
        }
    }
}
