import Collectives
import Foundation
import Logging
import Modeling
import Numerics
import Support

/// The coordinator's one thread of control: it feeds the state machine and carries out what that says.
///
/// `@unchecked Sendable` because it is made by one thread and then handed to the one that calls ``run()``, which alone
/// uses it from then on; only what never changes (``boundEndpoint``, ``localWorkers``) is read by others.
final class CoordinatorLoop: @unchecked Sendable {
    private static let tickSeconds = 0.1
    /// Routing id, preamble, envelope, raw frame.
    private static let limits = ZeroMQLimits(
        frames: 4, bytes: 512 + ControlLimits.reportBytes + ControlLimits.payloadBytes)
    /// Senders that are warned about; the messages of others are ignored silently.
    private static let maxLoggedSenders = 16

    private let configuration: RunConfiguration
    private let directory: RunDirectory
    private var disk: RunDisk
    private let listener: ControlListener
    private var socket: ZeroMQSocket { listener.socket }
    private var endpoint: String { listener.endpoint }
    private let inbox: Inbox<LoopInput>
    private let emit: @Sendable (RunEvent) -> Void
    private var machine: CoordinatorMachine
    private var loaded: LoadedRun?
    private var failure: (any Error)?
    private var store = StateStore(StateShape())
    /// What was fetched and is being written.
    private var written = StateStore(StateShape())
    /// The states that workers can load from here.
    private let states: StateSender
    /// The best state, where the run ends with that.
    private var best: LoadedState?
    /// Starts and ends workers that are children.
    private let children: LocalWorkers?
    private var nextStatus = 0.0
    private var statusResponder = StatusResponder()
    private var prefetcher: BatchPrefetcher?
    /// Embeddings of former runs; nil where they do not count.
    private let outputs: OutputStore?
    private var warnedOfMetrics = false
    private var loggedSenders: Set<String> = []
    /// Where the message that is being handled came from, if it is malformed.
    private var malformedSender: String?
    private var outcome: Result<RunResult, any Error>?
    /// How often something was computed from collected outputs.
    private var solutions = 0

    /// Binds the control socket.
    init(
        configuration: RunConfiguration, settings: CoordinatorSettings, bind: String, directory: RunDirectory,
        sockets: SocketFolder? = nil, keys: CoordinatorKeys?, embeddings: EmbeddingCache? = nil,
        inbox: Inbox<LoopInput>,
        children makeChildren: (String) -> LocalWorkers?, startedAt: Double,
        emit: @escaping @Sendable (RunEvent) -> Void
    ) throws {
        self.configuration = configuration
        self.directory = directory
        disk = RunDisk(directory: directory, sockets: sockets, keepCheckpoints: configuration.keepCheckpoints)
        self.inbox = inbox
        self.emit = emit
        listener = try ControlListener(
            bind: bind, workers: configuration.workers, keys: keys, logger: Logger(lines: { inbox.post(.warning($0)) }))
        states = StateSender(socket: listener.socket)
        children = makeChildren(listener.endpoint)
        outputs = embeddings.map { OutputStore($0) { inbox.post(.warning($0)) } }
        var settings = settings
        settings.cachesOutputs = embeddings != nil
        machine = CoordinatorMachine(settings, now: startedAt)
    }

    /// Where workers connect to.
    var boundEndpoint: String { endpoint }
    /// The children.
    var localWorkers: LocalWorkers? { children }

    /// Runs to the end of the run.
    func run() -> Result<RunResult, any Error> {
        do {
            try loop()
        } catch {
            // What went wrong here (a full disk, say) ends the run, and the workers are informed.
            for member in machine.membership.all {
                try? send(
                    CoordinatorMessage(generation: 0, step: 0, body: .shutdown("the run failed")), to: member.peer)
            }
            outcome = .failure(error)
        }
        prefetcher?.close()
        listener.close()
        outputs?.close()
        // The context may read it until here.
        withExtendedLifetime((states, loaded)) {}
        return outcome ?? .failure(RunError.failed("the run ended without a result"))
    }

    private func loop() throws {
        var poller = ZeroMQPoller()
        let incoming = poller.add(socket)
        poller.add(fileDescriptor: inbox.eventFD.fileDescriptor)
        var nextTick = monotonicSeconds() + Self.tickSeconds
        while outcome == nil {
            let wait = Int(max(0, (nextTick - monotonicSeconds()) * 1000).rounded(.up))
            try poller.wait(milliseconds: wait)
            for input in inbox.take() { try take(input) }
            if poller.isReadable(incoming) { try receive() }
            if monotonicSeconds() >= nextTick {
                nextTick = monotonicSeconds() + Self.tickSeconds
                try handle(.tick)
                states.releaseSent()
            }
            if monotonicSeconds() >= nextStatus {
                nextStatus = monotonicSeconds() + 1
                checkPlaces()
                directory.show(machine.status(monotonicSeconds(), process: .current))
            }
        }
        directory.show(machine.status(monotonicSeconds(), process: .current))
    }

    private func take(_ input: LoopInput) throws {
        switch input {
        case .event(let event):
            if case .saveFailed = event { disk.saved(false) }
            if case .checkpointSaved = event { disk.saved(true) }
            try handle(event)
        case .workerWrote(let worker, let line): if outcome == nil { emit(.workerOutput(worker: worker, line: line)) }
        case .warning(let text): emit(.warning(text))
        case .loaded(let found):
            for warning in found.warnings { emit(.warning(warning)) }
            // A new generation may have begun without it.
            guard machine.awaitsState else { break }
            states.replace(with: found.state)
            try handle(.sourceLoaded(found.source))
        case .loadedBest(let found):
            guard machine.awaitsState else { break }
            states.replace(with: found.state)
            best = found.state
            try handle(.bestLoaded(found.source))
        case .solved(let source, let solution, let number):
            // Where workers were lost meanwhile, a new generation has begun to collect the outputs again: what comes of
            // them then counts.
            guard number == solutions, machine.awaitsState else { break }
            for notice in solution.notices { emit(.notice(notice)) }
            states.replace(with: solution.state)
            loaded?.state = solution.state
            loaded?.classifier = solution.classifier
            loaded?.threshold = solution.threshold
            try handle(.solved(source, solution.reports, seconds: solution.seconds))
        case .loadingFailed(let error):
            failure = error
            // They have nothing yet, and so need no time to end.
            children?.killAll()
            try handle(.loadingFailed(.failed("\(error)")))
        case .loadedRun(var new):
            new.plan.endpoint = Endpoint.shown(endpoint)
            new.plan.output = directory.path
            states.replace(with: new.state)
            // A run that is resumed can read its checkpoint again.
            if new.state.step > 0 { new.state.buffers = [:] }
            loaded = new
            for notice in new.notices { emit(.notice(notice)) }
            for warning in new.warnings { emit(.warning(warning)) }
            let room = try disk.checkRoom(
                for: StateSize(new.plan), isResumed: machine.training.settings.isResumed, free: disk.free)
            if let room { emit(.warning(room)) }
            let inbox = inbox
            prefetcher = try BatchPrefetcher(new.plan) { inbox.post(.event(.prefetched($0))) }
            try handle(.runLoaded(new.plan))
        }
    }

    private func handle(_ event: CoordinatorEvent) throws {
        for effect in machine.handle(event, now: monotonicSeconds()) { try perform(effect) }
        // What was written is not needed any more, unless the model is written from it next.
        if machine.training.checkpointer.policy.writing == nil { written = StateStore(StateShape()) }
    }

    // MARK: the socket

    private func receive() throws {
        // A bounded number at a time: signals and the clock must not starve behind a sender that floods.
        for _ in 0..<256 where outcome == nil {
            do {
                guard let frames = try socket.receive(limits: Self.limits, wait: false) else { return }
                try receive(frames)
            } catch let error as ZeroMQMessageRefused {
                let problem = ProtocolError("a message of \(error.bytes) bytes in \(error.frames) frames")
                try handle(.rejected(PeerID(bytes: error.firstFrame), problem))
            }
        }
    }

    private func receive(_ frames: [ZeroMQMessage]) throws {
        let peer = PeerID(bytes: frames[0].array)
        // What is known of the connection comes with what was sent over it; the first frame is the library's own.
        let sent = frames[frames.count - 1]
        switch listener.verdict(on: sent, from: peer, isMember: machine.membership.knows(peer), now: monotonicSeconds())
        {
        case .drop: return
        case .revoked: return try handle(.revoked(peer))
        case .accept: break
        }
        let event = Self.event(frames, from: peer)
        if case .rejected = event, let address = listener.recordMalformed(sent, from: peer) {
            malformedSender = address
        }
        try handle(event)
        malformedSender = nil
    }

    private static func event(_ frames: [ZeroMQMessage], from peer: PeerID) -> CoordinatorEvent {
        withExtendedLifetime(frames) {
            do throws(ProtocolError) {
                return .message(peer, try WorkerMessage(frames: frames.dropFirst().map(\.bytes), owner: frames.last))
            } catch {
                return .rejected(peer, error)
            }
        }
    }

    private func send(_ message: CoordinatorMessage, to peer: PeerID) throws {
        do {
            try socket.send([peer.bytes] + message.frames(), wait: false)
        } catch  where error.isUnreachable {
            // The worker is gone: missing heartbeats, or its exit, will show it.
        }
    }

    private func sendStatus(_ peer: PeerID) throws {
        let now = monotonicSeconds()
        guard statusResponder.admits(peer, now) else { return }
        let json = statusResponder.json(now) { machine.status(now, process: .current) }
        try send(CoordinatorMessage(generation: 0, step: 0, body: .status(json)), to: peer)
    }

    /// Reads a state in the background.
    private func load(_ read: @escaping @Sendable (StateReader) throws -> LoopInput) throws {
        guard let loaded else { return }
        let reader = StateReader(
            path: directory.path, phases: loaded.plan.phases, layouts: loaded.layouts)
        let inbox = inbox
        try NamedThread.start("shoal-load") {
            do { inbox.post(try read(reader)) } catch { inbox.post(.event(.sourceFailed("\(error)"))) }
        }
    }

    /// Reads the newest whole checkpoint, or takes what the run began with.
    private func loadSource() throws {
        guard let initial = loaded?.state else { return }
        try load { .loaded(try $0.newest(orElse: initial)) }
    }

    /// Computes the head of the next phase in the background.
    private func solve(_ part: EvaluationPart) throws {
        guard let loaded else { return }
        solutions += 1
        let number = solutions
        try load { reader in
            let start = monotonicSeconds()
            // That with which the phase under way has begun: the end of the one before, or the beginning of the run.
            let state = try reader.newest(orElse: loaded.state).state
            guard let use = loaded.outputUses[state.phase] else {
                throw RunError.failed("outputs were collected that nothing is made of")
            }
            var solution = try use.solve(part, loaded.plan.phases, loaded.layouts, state)
            solution.seconds = monotonicSeconds() - start
            return .solved(try reader.source(solution.state), solution, number: number)
        }
    }

    // MARK: effects

    private func perform(_ effect: CoordinatorEffect) throws {
        switch effect {
        case .send(let peer, let message): try send(message, to: peer)
        case .sendStatus(let peer): try sendStatus(peer)
        case .prefetch(let request): prefetcher?.request(request, phase: machine.training.phases?.index ?? 0)
        case .sendSource(let peer, let part, let chunks, let generation):
            try states.send(part, chunks, generation: generation, to: peer)
        case .emit(let event): try show(event)
        case .logSender(let peer, let text):
            // Connections are cheap: unknown senders are distinguished by their addresses.
            let sender = malformedSender ?? "connection \(peer)"
            guard loggedSenders.count < Self.maxLoggedSenders, loggedSenders.insert(sender).inserted else { return }
            emit(.warning("\(text) (\(sender))"))
        case .openRunDirectory:
            try directory.start(loaded?.run ?? configuration, coordinatorFile)
            nextStatus = 0
        case .rewindMetrics(let step, let isPhaseBeginning):
            try directory.rewindMetrics(to: step, isPhaseBeginning: isPhaseBeginning)
        case .loadSource: try loadSource()
        case .lookUpOutputs(let request):
            guard let phase = machine.training.phase else { break }
            let inbox = inbox
            outputs?.lookUp(request, phase) { inbox.post(.event(.foundOutputs(request.id, $0))) }
        case .keepOutputs(let batches): outputs?.keep(batches)
        case .solve(let part): try solve(part)
        case .loadBest(let step): try load { .loadedBest(try $0.best(step: step)) }
        case .releaseSource: states.replace(with: nil)
        case .startWorker(let number): children?.start(number)
        case .killWorker(let number): children?.kill(number)
        case .beginStore: store = StateStore(machine.training.phase?.welcome.shape ?? StateShape())
        case .storeChunk(let part, let index, let payload):
            guard store.store(part, chunk: index, payload) else {
                throw RunError.failed("a chunk of the state does not fit")
            }
        case .saveModel:
            checkPlaces()
            guard let loaded else { break }
            try writer.writeModel(
                best?.buffers[.weights] ?? solvedWeights ?? written.buffer(.weights), of: loaded,
                checkpoint: newestCheckpoint,
                threshold: loaded.threshold ?? machine.training.checkpointer.policy.tested.threshold)
        case .saveCheckpoint(let state):
            written = store
            store = StateStore(StateShape())
            checkPlaces()
            guard let loaded else { break }
            try writer.writeCheckpoint(state, written, of: loaded, checkpoint: newestCheckpoint)
        case .end(.success(let result)):
            checkPlaces()
            try directory.finish(result)
            if let problem = disk.removeUnwantedCheckpoints() { emit(.warning(problem)) }
            emit(.finished(result))
            outcome = .success(result)
        case .end(.failure(let error)):
            // An error of the data or the model keeps its own type.
            let size = loaded.map { StateSize($0.plan) } ?? StateSize()
            outcome = .failure(failure ?? disk.explained(error, size: size))
        }
    }

    /// The weights of a run that ends with a head that was computed.
    private var solvedWeights: FloatBuffer? {
        machine.training.endsAtOnce ? loaded?.state.buffers[.weights] : nil
    }

    /// Makes sure that the run directory and the sockets are still there.
    private func checkPlaces() {
        for warning in disk.checkPlaces(bind: { (try? socket.bind(endpoint)) != nil }) { emit(.warning(warning)) }
    }

    /// Made when it is used: a run directory may be moved while the run goes on.
    private var writer: BackgroundWriter {
        BackgroundWriter(
            configuration: configuration, path: directory.path, modelPath: directory.modelPath, inbox: inbox)
    }

    private var newestCheckpoint: String? { machine.training.checkpointer.policy.path }

    private var coordinatorFile: CoordinatorFile {
        CoordinatorFile(
            runID: loaded?.plan.firstPhase.welcome.runID ?? "", starts: machine.training.settings.previousStarts + 1,
            endpoint: endpoint, isLocal: children != nil, fingerprint: loaded?.fingerprint ?? [:],
            path: directory.identity?.path, inode: directory.identity?.inode)
    }

    private func show(_ event: RunEvent) throws {
        var isWritten = true
        switch event {
        case .step(let metrics): isWritten = try directory.append(metrics)
        case .evaluation(let record): isWritten = try directory.append(EvaluationLine(record: record))
        default: break
        }
        if !isWritten, !warnedOfMetrics {
            emit(.warning("metrics.jsonl cannot be written (is the disk full?); its lines are kept until it can"))
        }
        warnedOfMetrics = !isWritten || warnedOfMetrics
        emit(event)
    }
}
