import Foundation
import Synchronization
import UnixSignals

/// A whole training run: reads, starts or waits for workers, trains, evaluates, writes the run directory.
public struct TrainingRun: Sendable {
    let configuration: RunConfiguration
    let workers: WorkerSource
    let events: @Sendable (RunEvent) -> Void

    /// Seconds that workers get to end by themselves before they are killed; fewer after a failure, where one of them may
    /// hang.
    private static let graceSeconds = (success: 2.0, failure: 1.0)

    /// A run of a validated configuration.
    ///
    /// - Parameters:
    ///   - configuration: What to do.
    ///   - workers: Where the workers come from.
    ///   - events: Called with what happens, from one thread at a time.
    public init(
        configuration: RunConfiguration, workers: WorkerSource = .local(),
        events: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.configuration = configuration
        self.workers = workers
        self.events = events
    }

    /// Runs to the end. No process and no half-written file is left behind, however it ends.
    ///
    /// SIGINT and SIGTERM are taken over while it runs: the first saves the state and ends the run, the second kills the
    /// workers and ends this process at once, with code 130.
    ///
    /// - Throws: ``RunError`` (with the exit code for the process), or an error of the data, the model or the
    ///   configuration; the description of each is one line.
    public func run() async throws -> RunResult {
        let startedAt = monotonicSeconds()
        try configuration.validate()
        let inbox = try Inbox<CoordinatorLoop.News>()
        var settings = CoordinatorMachine.Settings(workers: configuration.workers, local: false)
        settings.heartbeatTimeout = configuration.heartbeatTimeout
        settings.joinTimeout = configuration.joinTimeout
        var sockets: SocketFolder?
        let bind: String
        switch workers {
        case .external(let endpoint):
            try Endpoint.check(endpoint, option: "bind", insecure: configuration.insecure)
            bind = endpoint
        case .local:
            let folder = try SocketFolder()
            sockets = folder
            settings.local = true
            bind = "ipc://\(folder.path)/control"
        }
        defer { sockets?.remove() }
        let directory = try RunDirectory(configuration.output)
        defer { directory.removeIfUnused() }
        let loop = try CoordinatorLoop(
            configuration: configuration, settings: settings, bind: bind, directory: directory, inbox: inbox,
            startedAt: startedAt, emit: events)
        let children = localWorkers(endpoint: loop.boundEndpoint, inbox: inbox)
        let signals = await watchSignals(inbox: inbox, children: children, sockets: sockets)
        defer { signals.cancel() }
        // Processes start, data are read and the loop answers, all at the same time.
        if let children { for number in 0..<configuration.workers { children.start(number) } }
        prepare(inbox: inbox)
        let result = await Self.onThread(loop)
        let succeeded = if case .success = result { true } else { false }
        await children?.finish(within: succeeded ? Self.graceSeconds.success : Self.graceSeconds.failure)
        return try result.get()
    }

    private func localWorkers(endpoint: String, inbox: Inbox<CoordinatorLoop.News>) -> LocalWorkers? {
        guard case .local(let command) = workers else { return nil }
        let arguments = [
            "--coordinator", endpoint, "--threads", "\(configuration.threadsPerWorker)", "--parent-pid", "\(getpid())",
        ]
        return LocalWorkers(command: command, arguments: arguments) { event in
            switch event {
            case .started(let number, let pid): inbox.post(.event(.childStarted(number: number, pid: pid)))
            case .exited(let number, let pid, let why):
                inbox.post(.event(.childExited(number: number, pid: pid, why: why)))
            case .wrote(let number, let line): inbox.post(.workerWrote("worker \(number)", line: line))
            }
        }
    }

    private func watchSignals(
        inbox: Inbox<CoordinatorLoop.News>, children: LocalWorkers?, sockets: SocketFolder?
    ) async -> Task<Void, Never> {
        let sequence = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return Task {
            var count = 0
            for await _ in sequence {
                count += 1
                if count == 1 {
                    inbox.post(.event(.interrupt))
                } else {
                    children?.killAll()
                    sockets?.remove()
                    // Nothing else may run now: not even what waits for the workers.
                    _exit(130)
                }
            }
        }
    }

    private func prepare(inbox: Inbox<CoordinatorLoop.News>) {
        let configuration = configuration
        let thread = Thread {
            do {
                inbox.post(.prepared(try Preparer.prepare(configuration)))
            } catch {
                inbox.post(.preparationFailed(error))
            }
        }
        thread.name = "shoal-prepare"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Runs the loop on a thread of its own: it blocks.
    private static func onThread(_ loop: CoordinatorLoop) async -> Result<RunResult, any Error> {
        await withCheckedContinuation { done in
            let thread = Thread { done.resume(returning: loop.run()) }
            thread.name = "shoal-coordinator"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
