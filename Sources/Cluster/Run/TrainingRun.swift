import Foundation
import Support
import Synchronization
import UnixSignals

/// A whole training run: reads, starts or waits for workers, trains, evaluates, writes the run directory. Or the rest
/// of a run that was stopped.
public struct TrainingRun: Sendable {
    let configuration: RunConfiguration
    let workers: WorkerSource
    let resume: ResumeOptions?
    let profileFolder: String?
    /// The folder of embeddings of former runs; nil for none.
    let embeddingFolder: String?
    /// Makes the phases.
    var recipe: any Recipe
    let events: @Sendable (RunEvent) -> Void

    /// Seconds that workers get to end by themselves before they are killed; fewer after a failure, where one of them
    /// may hang.
    private static let graceSeconds = (success: 2.0, failure: 1.0, profile: 60.0)
    /// Threads of a coordinator beside those of the runtime: control, reading, writing, and the library's.
    private static let ownThreads = 10
    /// More threads than this are not tried.
    private static let mostProbed = 2048
    /// Repeated SIGTERMs within this time count once: Slurm and systemd send it to every process of a job, and the
    /// process that started this one passes it on as well.
    private static let repeatSeconds = 5.0

    /// A run of a validated configuration.
    ///
    /// - Parameters:
    ///   - configuration: What to do.
    ///   - workers: Where the workers come from.
    ///   - resume: Goes on with the run in the configuration's `output`; nil begins a new one.
    ///   - profileFolder: Where workers that it starts write their profiles; nil for none.
    ///   - embeddingFolder: Where embeddings are kept from run to run, if the configuration says that they are; nil for
    ///     nowhere.
    ///   - events: Called with what happens, from one thread at a time.
    public init(
        configuration: RunConfiguration, workers: WorkerSource = .local(), resume: ResumeOptions? = nil,
        profileFolder: String? = nil, embeddingFolder: String? = nil,
        events: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.configuration = configuration
        recipe = Recipes.recipe(configuration.method)
        self.workers = workers
        self.resume = resume
        self.profileFolder = profileFolder
        self.embeddingFolder = configuration.embeddingCache ? embeddingFolder : nil
        self.events = events
    }

    /// Runs to the end. No half-written file is left behind, however it ends; and no process, unless it is killed: then
    /// the workers wait for a while for the run to be resumed.
    ///
    /// SIGINT, SIGTERM and SIGHUP (unless it is ignored) are taken over while it runs: the first saves the state and
    /// ends the run, the second kills the workers and ends this process at once, with code 130. A SIGTERM or SIGHUP
    /// within five seconds of the first signal is not counted.
    ///
    /// - Throws: ``RunError`` (with the exit code for the process), or an error of the data, the model or the
    ///   configuration; the description of each is one line.
    public func run() async throws -> RunResult {
        let startedAt = monotonicSeconds()
        try configuration.validate()
        // Stacks and heaps of threads are reserved in large pieces.
        try ResourceProbe.memory(512 << 20, for: "a coordinator")
        if case .local = workers, let obstacle = configuration.precision.unsupportedReason {
            throw ConfigurationError.unsupported(
                "precision", value: configuration.precision.rawValue, reason: obstacle)
        }
        let allotment = try makeAllotment()
        adviseOnThreads()
        let directory =
            resume == nil ? try RunDirectory(configuration.output) : try RunDirectory(resuming: configuration.output)
        defer { directory.removeIfUnused() }
        let known = resume == nil ? nil : try CoordinatorFile.read(directory.path)
        let resumption = try resume.map {
            try Resumption(
                runDirectory: directory.path, fingerprint: known?.fingerprint ?? [:], acceptsChanges: $0.acceptsChanges)
        }
        // Workers of a run that had other data are not those of this one.
        let isCopy = known.map { !$0.isOf(directory.identity) } ?? false
        let runID =
            (resume?.acceptsChanges == true || isCopy ? nil : known?.runID) ?? CoordinatorFile.newRunID()
        // Where the run may be complete, that is looked at before anything is started.
        let loaded =
            resumption?.mayBeComplete(steps: configuration.steps) == true
            ? try RunLoader.load(configuration, resuming: resumption, runID: runID, recipe: recipe) : nil
        if let resumption { events(.resuming(checkpoint: resumption.checkpoint?.path)) }
        for warning in directory.warnings { events(.warning(warning)) }
        if isCopy {
            events(
                .notice(
                    "\(directory.path) was moved, or is a copy of another run directory: it is a run of its own, to which no "
                        + "worker comes back"))
        }
        if var known {
            // Before the first message is sent.
            known.starts += 1
            if !isCopy { try known.write(to: directory.path) }
        }
        FileDescriptors.raiseLimit()
        try checkLimits()
        let place = try place(isCopy ? nil : known)
        defer { place.sockets?.remove() }
        let inbox = try Inbox<LoopInput>()
        let loop = try CoordinatorLoop(
            configuration: configuration, settings: settings(isLocal: place.sockets != nil, starts: known?.starts ?? 0),
            bind: place.bind,
            directory: directory, sockets: place.sockets, keys: try coordinatorKeys(),
            embeddings: embeddingFolder.map { EmbeddingCache(path: $0) }, inbox: inbox,
            children: { makeLocalWorkers(endpoint: $0, allotment: allotment, inbox: inbox) }, startedAt: startedAt,
            emit: events)
        if case .external(_, let portFile?) = workers { try PortFile.write(loop.boundEndpoint, to: portFile) }
        let children = loop.localWorkers
        let signals = await watchSignals(inbox: inbox, children: children, sockets: place.sockets)
        defer { signals.cancel() }
        // Processes start, data are read and the loop answers, all at the same time.
        if let children {
            let returning = place.isOld ? OrphanedWorkers.count(of: directory.path, endpoint: loop.boundEndpoint) : 0
            for number in min(returning, configuration.workers)..<configuration.workers { children.start(number) }
        }
        if let loaded {
            inbox.post(.loadedRun(loaded))
        } else {
            try load(resumption, runID: runID, inbox: inbox)
        }
        let result = await Self.onThread(loop)
        let succeeded = if case .success = result { true } else { false }
        let grace = profileFolder == nil ? Self.graceSeconds.success : Self.graceSeconds.profile
        await children?.finish(within: succeeded ? grace : Self.graceSeconds.failure)
        return try result.get()
    }

    private func settings(isLocal: Bool, starts: Int) -> CoordinatorSettings {
        var settings = CoordinatorSettings(workers: configuration.workers, local: isLocal)
        settings.heartbeatTimeout = configuration.heartbeatTimeout
        settings.joinTimeout = configuration.joinTimeout
        settings.minWorkers = configuration.minWorkers
        settings.communicationHints = configuration.communicationHints
        settings.maxWorkers = min(configuration.microBatches, configuration.batchSize)
        settings.maxRestarts = configuration.maxRestarts
        settings.checkpointEvery = configuration.checkpointEvery
        settings.checkpointSeconds = configuration.checkpointMinutes.map { $0 * 60 }
        settings.removesCheckpoints = configuration.keepCheckpoints == 0
        settings.keepsBest = configuration.keep == .best
        settings.balances = configuration.balance
        settings.precision = configuration.precision
        settings.isResumed = resume != nil
        if case .external = workers { settings.keys = configuration.keys }
        settings.previousStarts = starts
        // Those that live still say something every second or so.
        settings.returnSeconds = max(3, configuration.heartbeatTimeout)
        return settings
    }

    /// Workers on this machine meet in a folder that only its owner may enter: they need none.
    private func coordinatorKeys() throws -> CoordinatorKeys? {
        guard case .external = workers, let folder = configuration.keys else { return nil }
        return try CoordinatorKeys(folder: folder)
    }

    /// Where the workers are to connect to.
    private struct ListenAddress {
        var bind: String
        var sockets: SocketFolder?
        /// It is where workers of a former coordinator look for it.
        var isOld = false
    }

    private func place(_ known: CoordinatorFile?) throws -> ListenAddress {
        switch workers {
        case .external(let endpoint, _):
            try Endpoint.check(
                endpoint, option: "bind", hasKeys: configuration.keys != nil, insecure: configuration.insecure)
            if configuration.insecure, configuration.keys == nil, !Endpoint.isLocal(endpoint) {
                events(
                    .warning(
                        "--insecure: every host that reaches \(endpoint) can read and change this run; use --keys (see \(CommandName.current) keygen)"
                    ))
            }
            return ListenAddress(bind: endpoint)
        case .local:
            if let known, known.isLocal, let folder = SocketFolder(endpoint: known.endpoint) {
                return ListenAddress(bind: known.endpoint, sockets: folder, isOld: true)
            }
            let folder = try SocketFolder()
            return ListenAddress(bind: folder.endpoint, sockets: folder)
        }
    }

    private func makeAllotment() throws(ConfigurationError) -> CPUAffinityPlan? {
        guard case .local = workers, configuration.pinWorkers else { return nil }
        let places = CPUAffinityPlan.ownTopology()
        let (workers, threads) = (configuration.workers, configuration.localThreads)
        guard let made = CPUAffinityPlan(workers: workers, threads: threads, places: places) else {
            throw .unsupported(
                "pin-workers", value: "",
                reason:
                    "\(plural(workers, "worker")) of \(plural(threads, "thread")) would need "
                    + "\(plural(workers * threads, "processor")), and this process may use \(places.count); give "
                    + "fewer --workers or --threads-per-worker")
        }
        return made
    }

    /// Throws if the process, or those that it will start, cannot have the threads and files that they need: it is
    /// better to end here than in the middle.
    private func checkLimits() throws(ResourceLimitError) {
        let count = configuration.workers
        try ResourceProbe.threads(Self.ownThreads, for: "a coordinator")
        // Pipes and a connection for each.
        try ResourceProbe.files(32 + 6 * count, for: "a coordinator of \(RunConfiguration.plural(count, "worker"))")
        guard case .local = workers else { return }
        // Of workers: they count where a user's, or a container's, are limited. Each has its own address space.
        let threads = min(Self.mostProbed, count * (configuration.localThreads + Worker.ownThreads))
        try ResourceProbe.threads(
            Self.ownThreads + threads, for: "a run with \(RunConfiguration.plural(count, "worker"))",
            stackBytes: 64 << 10)
    }

    /// Says what is unusual about the number of threads, and which options have no effect.
    private func adviseOnThreads() {
        let processors = AvailableProcessors.count
        switch workers {
        case .local:
            if let text = configuration.threadWarning(processors: processors) { events(.warning(text)) }
            if let text = configuration.idleNotice(processors: processors) { events(.notice(text)) }
            // They may stand in the file of a run whose workers were started by hand.
            if configuration.keys != nil || configuration.insecure {
                events(
                    .warning(
                        "\(configuration.keys != nil ? "keys" : "insecure") has no effect on workers that are started "
                            + "here: their sockets are in a folder that only this user may enter"))
            }
        case .external:
            // Of a run that is resumed, they may be left from workers that it started itself.
            guard resume == nil else { return }
            if configuration.pinWorkers {
                events(.warning("pin_workers has no effect on workers that are started by hand: give them --cpus"))
            }
            if configuration.threadsPerWorker != nil {
                events(.warning("threads_per_worker has no effect on workers that are started by hand: give --threads"))
            }
        }
    }

    private func makeLocalWorkers(
        endpoint: String, allotment: CPUAffinityPlan?, inbox: Inbox<LoopInput>
    ) -> LocalWorkers? {
        guard case .local(let command) = workers else { return nil }
        var arguments = [
            "--coordinator", endpoint, "--threads", "\(configuration.localThreads)", "--parent-pid", "\(getpid())",
        ]
        if let profileFolder { arguments += ["--profile", profileFolder] }
        let common = arguments
        return LocalWorkers(command: command) { number in
            guard let allotment, allotment.sets.indices.contains(number) else { return common }
            return common + ["--cpus", "\(allotment.sets[number])"]
        } report: { event in
            switch event {
            case .started(let number, let pid): inbox.post(.event(.childStarted(number: number, pid: pid)))
            case .exited(let number, let pid, let why, let bySignal):
                inbox.post(.event(.childExited(number: number, pid: pid, why: why, bySignal: bySignal)))
            case .wrote(let number, let line): inbox.post(.workerWrote("worker \(number)", line: line))
            }
        }
    }

    private func watchSignals(
        inbox: Inbox<LoopInput>, children: LocalWorkers?, sockets: SocketFolder?
    ) async -> Task<Void, Never> {
        let sequence = await Self.signals()
        return Task {
            var first: Double?
            for await signal in sequence {
                let now = monotonicSeconds()
                guard let first else {
                    first = now
                    inbox.post(.event(.interrupt))
                    continue
                }
                if signal == .sigint || now - first > Self.repeatSeconds {
                    children?.killAll()
                    sockets?.remove()
                    // Nothing else may run now: not even what waits for the workers.
                    _exit(130)
                }
            }
        }
    }

    /// SIGINT and SIGTERM; SIGHUP too (the terminal, or the ssh session, is closed), unless it is ignored, as under
    /// nohup.
    private static func signals() async -> UnixSignalsSequence {
        var now = sigaction()
        let isKnown = sigaction(SIGHUP, nil, &now) == 0
        let isIgnored = isKnown && unsafeBitCast(now.__sigaction_handler.sa_handler, to: Int.self) == 1
        return isIgnored
            ? await UnixSignalsSequence(trapping: .sigint, .sigterm)
            : await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    }

    private func load(_ resumption: Resumption?, runID: String, inbox: Inbox<LoopInput>) throws {
        let (configuration, recipe) = (configuration, recipe)
        try NamedThread.start("shoal-read") {
            do {
                let loaded = try RunLoader.load(
                    configuration, resuming: resumption, runID: runID, recipe: recipe)
                inbox.post(.loadedRun(loaded))
            } catch {
                inbox.post(.loadingFailed(error))
            }
        }
    }

    /// Runs the loop on a thread of its own: it blocks.
    private static func onThread(_ loop: CoordinatorLoop) async -> Result<RunResult, any Error> {
        await withCheckedContinuation { done in
            do throws(ResourceLimitError) {
                try NamedThread.start("shoal-coordinator") { done.resume(returning: loop.run()) }
            } catch {
                done.resume(returning: .failure(error))
            }
        }
    }
}
