import Checkpoint
import Collectives
import Foundation
import Numerics
import Support
import Transformer

/// The coordinator's one thread of control: it feeds the state machine and carries out what that says.
///
/// `@unchecked Sendable` because it is made by one thread and then handed to the one that calls ``run()``, which alone
/// uses it from then on; only what never changes (``boundEndpoint``, ``localWorkers``) is read by others.
final class CoordinatorLoop: @unchecked Sendable {
    /// What other threads tell it.
    enum News: Sendable {
        case event(CoordinatorEvent)
        case loadedRun(LoadedRun)
        case loadingFailed(any Error)
        case warning(String)
        case loaded(StateReader.Found)
        case loadedBest(StateReader.Found)
        case workerWrote(String, line: String)
    }

    private static let tickSeconds = 0.1
    /// Routing id, preamble, envelope, raw frame.
    private static let limits = ZeroMQLimits(
        frames: 4, bytes: 512 + ControlLimits.reportBytes + ControlLimits.payloadBytes)
    /// Senders that are warned about; more are not told of.
    private static let maxLoggedSenders = 16

    private let configuration: RunConfiguration
    private let directory: RunDirectory
    private var disk: RunDisk
    private let door: ControlDoor
    private var socket: ZeroMQSocket { door.socket }
    private var endpoint: String { door.endpoint }
    private let inbox: Inbox<News>
    private let emit: @Sendable (RunEvent) -> Void
    private var machine: CoordinatorMachine
    private var loaded: LoadedRun?
    private var failure: (any Error)?
    private var store = StateStore(count: 0)
    /// What was fetched and is being written.
    private var written = StateStore(count: 0)
    /// The state that workers can load from here, and one that is not needed any more but still on its way to them.
    private var source: LoadedState?
    private var retired: [LoadedState] = []
    /// The best state, where the run ends with that.
    private var best: LoadedState?
    /// Starts and ends workers that are children.
    private let children: LocalWorkers?
    private var nextStatus = 0.0
    private var statusDesk = StatusDesk()
    private var prefetcher: BatchPrefetcher?
    private var warnedOfMetrics = false
    private var loggedSenders: Set<String> = []
    /// Where the message that is being handled came from, if it was none.
    private var nonsenseAddress: String?
    private var outcome: Result<RunResult, any Error>?
    private let weightsLent = ZeroCopyCounter()

    /// Binds the control socket.
    init(
        configuration: RunConfiguration, settings: CoordinatorSettings, bind: String, directory: RunDirectory,
        sockets: SocketFolder? = nil, keys: CoordinatorKeys?, inbox: Inbox<News>,
        children makeChildren: (String) -> LocalWorkers?, startedAt: Double,
        emit: @escaping @Sendable (RunEvent) -> Void
    ) throws {
        self.configuration = configuration
        self.directory = directory
        disk = RunDisk(directory: directory, sockets: sockets, keepCheckpoints: configuration.keepCheckpoints)
        self.inbox = inbox
        self.emit = emit
        door = try ControlDoor(bind: bind, workers: configuration.workers, keys: keys) { inbox.post(.warning($0)) }
        children = makeChildren(door.endpoint)
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
            // What went wrong here (a full disk, say) ends the run; the workers are told.
            for member in machine.membership.all {
                try? send(
                    CoordinatorMessage(generation: 0, step: 0, body: .shutdown("the run failed")), to: member.peer)
            }
            outcome = .failure(error)
        }
        prefetcher?.close()
        door.close()
        // Lent to the context until here.
        withExtendedLifetime((source, retired, loaded)) {}
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
            for news in inbox.take() { try take(news) }
            if poller.isReadable(incoming) { try receive() }
            if monotonicSeconds() >= nextTick {
                nextTick = monotonicSeconds() + Self.tickSeconds
                try handle(.tick)
                if weightsLent.outstanding == 0 { retired.removeAll() }
            }
            if monotonicSeconds() >= nextStatus {
                nextStatus = monotonicSeconds() + 1
                checkPlaces()
                directory.show(machine.status(monotonicSeconds(), process: .current))
            }
        }
        directory.show(machine.status(monotonicSeconds(), process: .current))
    }

    private func take(_ news: News) throws {
        switch news {
        case .event(let event):
            if case .saveFailed = event { disk.saved(false) }
            if case .checkpointSaved = event { disk.saved(true) }
            try handle(event)
        case .workerWrote(let worker, let line): if outcome == nil { emit(.workerOutput(worker: worker, line: line)) }
        case .warning(let text): emit(.warning(text))
        case .loaded(let found):
            for warning in found.warnings { emit(.warning(warning)) }
            retire()
            source = found.state
            try handle(.sourceLoaded(found.source))
        case .loadedBest(let found):
            retire()
            source = found.state
            best = found.state
            try handle(.bestLoaded(found.source))
        case .loadingFailed(let error):
            failure = error
            try handle(.loadingFailed(.failed("\(error)")))
        case .loadedRun(var new):
            new.plan.endpoint = Endpoint.shown(endpoint)
            new.plan.output = directory.path
            source = new.state
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
        if machine.training.checkpointer.policy.writing == nil { written = StateStore(count: 0) }
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
        switch door.verdict(on: sent, from: peer, isMember: machine.membership.knows(peer), now: monotonicSeconds()) {
        case .drop: return
        case .revoked: return try handle(.revoked(peer))
        case .take: break
        }
        let event = Self.event(frames, from: peer)
        if case .rejected = event, let address = door.sentNonsense(sent, from: peer) {
            nonsenseAddress = address
        }
        try handle(event)
        nonsenseAddress = nil
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
            // It is gone; its heartbeats, or its exit, will tell.
        }
    }

    private func sendStatus(_ peer: PeerID) throws {
        let now = monotonicSeconds()
        guard statusDesk.admits(peer, now) else { return }
        let json = statusDesk.json(now) { machine.status(now, process: .current) }
        try send(CoordinatorMessage(generation: 0, step: 0, body: .status(json)), to: peer)
    }

    private func sendSource(_ part: StatePart, _ chunks: Range<Int>, generation: UInt64, to peer: PeerID) throws {
        guard let buffer = source?.buffers[part] else { return }
        for index in chunks {
            guard let range = ChunkMap(floats: buffer.count).range(index) else { return }
            let head = CoordinatorMessage(
                generation: generation, step: 0, body: .chunk(part, index: index, payload: Data())
            ).frames()
            let bytes = UnsafeRawBufferPointer(start: buffer.pointer + range.lowerBound, count: range.count * 4)
            do {
                // The empty payload's frame is replaced by the floats themselves, which are not copied.
                for (i, frame) in ([peer.bytes] + head.prefix(2)).enumerated() {
                    let sent = try frame.withUnsafeBytes { try socket.send($0, more: true, wait: false) }
                    if i == 0, !sent { return }
                }
                try socket.send(lending: bytes, counter: weightsLent)
            } catch let error as ZeroMQError where error.isUnreachable {
                return
            }
        }
    }

    /// Reads a state in the background.
    private func load(_ read: @escaping @Sendable (StateReader) throws -> News) throws {
        guard let loaded else { return }
        let reader = StateReader(
            path: directory.path, model: loaded.plan.model, layout: loaded.layout,
            parts: loaded.plan.stateParts, schedule: loaded.plan.source.point.schedule)
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

    // MARK: effects

    private func perform(_ effect: CoordinatorEffect) throws {
        switch effect {
        case .send(let peer, let message): try send(message, to: peer)
        case .sendStatus(let peer): try sendStatus(peer)
        case .prefetch(let request): prefetcher?.request(request)
        case .sendSource(let peer, let part, let chunks, let generation):
            try sendSource(part, chunks, generation: generation, to: peer)
        case .emit(let event): try show(event)
        case .logSender(let peer, let text):
            // Connections are cheap: strangers are told apart by their addresses.
            let sender = nonsenseAddress ?? "connection \(peer)"
            guard loggedSenders.count < Self.maxLoggedSenders, loggedSenders.insert(sender).inserted else { return }
            emit(.warning("\(text) (\(sender))"))
        case .openRunDirectory:
            try directory.start(loaded?.run ?? configuration, coordinatorFile)
            nextStatus = 0
        case .rewindMetrics(let step): try directory.rewindMetrics(to: step)
        case .loadSource: try loadSource()
        case .loadBest(let step): try load { .loadedBest(try $0.best(step: step)) }
        case .releaseSource: retire()
        case .startWorker(let number): children?.start(number)
        case .killWorker(let number): children?.kill(number)
        case .beginStore: store = StateStore(count: loaded?.plan.welcome.weightCount ?? 0)
        case .storeChunk(let part, let index, let payload):
            guard store.store(part, chunk: index, payload) else {
                throw RunError.failed("a chunk of the state does not fit")
            }
        case .saveModel:
            checkPlaces()
            try saveModel()
        case .saveCheckpoint(let state):
            written = store
            store = StateStore(count: 0)
            checkPlaces()
            try saveCheckpoint(state)
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

    /// Makes sure that the run directory and the sockets are still there.
    private func checkPlaces() {
        for warning in disk.checkPlaces(bind: { (try? socket.bind(endpoint)) != nil }) { emit(.warning(warning)) }
    }

    private func retire() {
        if let source { retired.append(source) }
        source = nil
    }

    private var coordinatorFile: CoordinatorFile {
        CoordinatorFile(
            runID: loaded?.plan.welcome.runID ?? "", starts: machine.training.settings.incarnation + 1,
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

    /// Writing takes as long as the disk does: another thread does it, while the heartbeats go on here.
    private func inBackground(_ work: @escaping @Sendable () throws -> CoordinatorEvent) throws {
        let inbox = inbox
        try NamedThread.start("shoal-save") {
            // Of this thread (on Linux, 0 is the thread that calls): workers on this machine come first.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            do {
                inbox.post(.event(try work()))
            } catch {
                inbox.post(.event(.saveFailed("\(error)")))
            }
        }
    }

    private func saveModel() throws {
        guard let loaded else { return }
        let (model, layout, maxLength) = (loaded.configuration, loaded.layout, loaded.maxLength)
        let weights = best?.buffers[.weights] ?? written.buffer(.weights)
        let (path, source) = (directory.modelPath, configuration.model)
        let checkpoint = machine.training.checkpointer.policy.path
        try inBackground {
            try withExtendedLifetime(weights) {
                try ModelDirectory.write(
                    to: path, configuration: model, tensors: WeightLoader.tensors(of: weights, layout: layout),
                    tokenizerFrom: Self.tokenizerSource(source, orElse: checkpoint), maxLength: maxLength,
                    replacing: true)
            }
            let digest = try weightsSHA256(safetensors: path + "/model.safetensors")
            return .modelSaved(path: path, sha256: digest)
        }
    }

    /// Where the tokenizer's files are: a run that is resumed can do without the model that it began with.
    private static func tokenizerSource(_ model: String, orElse checkpoint: String?) -> String {
        FileManager.default.fileExists(atPath: model) ? model : checkpoint ?? model
    }

    private func saveCheckpoint(_ state: TrainingState) throws {
        guard let loaded else { return }
        let (state, written) = (state, written)
        func buffer(_ part: StatePart) -> FloatBuffer? {
            loaded.plan.stateParts.contains(part) ? written.buffer(part) : nil
        }
        let writer = CheckpointWriter(
            runDirectory: directory.path, configuration: loaded.configuration, layout: loaded.layout,
            tokenizerSource: Self.tokenizerSource(
                configuration.model, orElse: machine.training.checkpointer.policy.path),
            maxLength: loaded.maxLength, seed: configuration.seed, fingerprint: loaded.fingerprint,
            keep: configuration.keepCheckpoints,
            state: state, weights: written.buffer(.weights), firstMoment: buffer(.firstMoment),
            secondMoment: buffer(.secondMoment))
        let inbox = inbox
        try inBackground {
            let (path, problem) = try writer.write()
            if let problem { inbox.post(.warning(problem)) }
            return .checkpointSaved(path: path)
        }
    }
}
