import Checkpoint
import Collectives
import Foundation
import Numerics
import Transformer

/// The coordinator's one thread of control: it feeds the state machine and carries out what that says.
///
/// `@unchecked Sendable` because it is made by one thread and then handed to the one that calls ``run()``, which alone uses
/// it from then on; only what never changes (``boundEndpoint``) is read by others.
final class CoordinatorLoop: @unchecked Sendable {
    /// What other threads tell it.
    enum News: Sendable {
        case event(CoordinatorMachine.Event)
        case prepared(Preparer.Prepared)
        case preparationFailed(any Error)
        case workerWrote(String, line: String)
    }

    private static let tickSeconds = 0.1
    /// Routing id, preamble, envelope, raw frame.
    private static let limits = ZeroMQLimits(
        frames: 4, bytes: 512 + ControlLimits.reportBytes + ControlLimits.payloadBytes)
    /// Senders that are warned about; more are not told of.
    private static let maxLoggedSenders = 64

    private let configuration: RunConfiguration
    private let directory: RunDirectory
    private let context: ZeroMQContext
    private let socket: ZeroMQSocket
    private let endpoint: String
    private let inbox: Inbox<News>
    private let emit: @Sendable (RunEvent) -> Void
    private var machine: CoordinatorMachine
    private var prepared: Preparer.Prepared?
    private var failure: (any Error)?
    private var store = StateStore(count: 0)
    private var loggedSenders: Set<PeerID> = []
    private var outcome: Result<RunResult, any Error>?
    private let weightsLent = ZeroCopyCounter()

    /// Binds the control socket.
    init(
        configuration: RunConfiguration, settings: CoordinatorMachine.Settings, bind: String, directory: RunDirectory,
        inbox: Inbox<News>, startedAt: Double, emit: @escaping @Sendable (RunEvent) -> Void
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.inbox = inbox
        self.emit = emit
        context = try ZeroMQContext()
        var options = ZeroMQSocketOptions()
        options.linger = 1000
        // Every flow is bounded by credit, and a peer that does not read is found by its heartbeats.
        options.sendHighWaterMark = 0
        options.maxMessageBytes = Int64(max(ControlLimits.reportBytes, ControlLimits.payloadBytes))
        options.routerMandatory = true
        options.routerHandover = true
        socket = try ZeroMQSocket(context, type: .router, options: options)
        endpoint = try socket.bind(bind)
        machine = CoordinatorMachine(settings, now: startedAt)
    }

    /// Where workers connect to.
    var boundEndpoint: String { endpoint }

    /// Runs to the end of the run.
    func run() -> Result<RunResult, any Error> {
        do {
            try loop()
        } catch {
            // What went wrong here (a full disk, say) ends the run; the workers are told.
            for member in machine.members {
                try? send(
                    CoordinatorMessage(generation: 0, step: 0, body: .shutdown("the run failed")), to: member.peer)
            }
            outcome = .failure(error)
        }
        socket.close()
        context.terminate()
        // Lent to the context until here.
        withExtendedLifetime(prepared) {}
        return outcome ?? .failure(RunError.failed("the run ended without a result"))
    }

    private func loop() throws {
        var poller = ZeroMQPoller()
        let incoming = poller.add(socket)
        poller.add(fileDescriptor: inbox.wakeUp.fileDescriptor)
        var nextTick = monotonicSeconds() + Self.tickSeconds
        while outcome == nil {
            let wait = Int(max(0, (nextTick - monotonicSeconds()) * 1000).rounded(.up))
            try poller.wait(milliseconds: wait)
            for news in inbox.take() { try take(news) }
            if poller.isReadable(incoming) { try receive() }
            if monotonicSeconds() >= nextTick {
                nextTick = monotonicSeconds() + Self.tickSeconds
                try handle(.tick)
            }
        }
    }

    private func take(_ news: News) throws {
        switch news {
        case .event(let event): try handle(event)
        case .workerWrote(let worker, let line): if outcome == nil { emit(.workerOutput(worker: worker, line: line)) }
        case .preparationFailed(let error):
            failure = error
            try handle(.preparationFailed(.failed("\(error)")))
        case .prepared(var prepared):
            prepared.preparation.endpoint = endpoint
            prepared.preparation.output = directory.path
            self.prepared = prepared
            store = StateStore(count: prepared.weights.count)
            for warning in prepared.warnings { emit(.warning(warning)) }
            try handle(.prepared(prepared.preparation))
        }
    }

    private func handle(_ event: CoordinatorMachine.Event) throws {
        for effect in machine.handle(event, now: monotonicSeconds()) { try perform(effect) }
    }

    // MARK: the socket

    private func receive() throws {
        // A bounded number at a time: signals and the clock must not starve behind a sender that floods.
        for _ in 0..<256 where outcome == nil {
            do {
                guard let frames = try socket.receive(limits: Self.limits, wait: false) else { return }
                let peer = PeerID(bytes: frames[0].array)
                try handle(Self.event(frames, from: peer))
            } catch let error as ZeroMQMessageRefused {
                let problem = ProtocolError("a message of \(error.bytes) bytes in \(error.frames) frames")
                try handle(.rejected(PeerID(bytes: error.firstFrame), problem))
            }
        }
    }

    private static func event(_ frames: [ZeroMQMessage], from peer: PeerID) -> CoordinatorMachine.Event {
        withExtendedLifetime(frames) {
            do throws(ProtocolError) {
                return .message(peer, try WorkerMessage(frames: frames.dropFirst().map(\.bytes)))
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

    private func sendWeights(_ chunks: Range<Int>, to peer: PeerID) throws {
        guard let weights = prepared?.weights else { return }
        for index in chunks {
            guard let range = ChunkMap(floats: weights.count).range(index) else { return }
            let head = CoordinatorMessage(
                generation: 0, step: 0, body: .chunk(.weights, index: index, payload: Data())
            ).frames()
            let bytes = UnsafeRawBufferPointer(start: weights.pointer + range.lowerBound, count: range.count * 4)
            do {
                // The empty payload's frame is replaced by the weights themselves, which are not copied.
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

    // MARK: effects

    private func perform(_ effect: CoordinatorMachine.Effect) throws {
        switch effect {
        case .send(let peer, let message): try send(message, to: peer)
        case .sendWeights(let peer, let chunks): try sendWeights(chunks, to: peer)
        case .emit(let event): try show(event)
        case .logSender(let peer, let text):
            guard loggedSenders.count < Self.maxLoggedSenders, loggedSenders.insert(peer).inserted else { return }
            emit(.warning("\(text) (connection \(peer))"))
        case .openRunDirectory: try directory.start(configuration)
        case .storeChunk(let part, let index, let payload):
            guard store.store(part, chunk: index, payload) else {
                throw RunError.failed("a chunk of the state does not fit")
            }
        case .saveModel: saveModel()
        case .saveCheckpoint(let state): saveCheckpoint(state)
        case .end(.success(let result)):
            try directory.finish(result)
            emit(.finished(result))
            outcome = .success(result)
        case .end(.failure(let error)):
            // An error of the data or the model keeps its own type.
            outcome = .failure(failure ?? error)
        }
    }

    private func show(_ event: RunEvent) throws {
        switch event {
        case .step(let metrics): try directory.append(metrics)
        case .evaluation(let record): try directory.append(EvaluationLine(record: record))
        default: break
        }
        emit(event)
    }

    /// Writing takes as long as the disk does: another thread does it, while the heartbeats go on here.
    private func inBackground(_ work: @escaping @Sendable () throws -> CoordinatorMachine.Event) {
        let inbox = inbox
        let thread = Thread {
            do {
                inbox.post(.event(try work()))
            } catch {
                inbox.post(.event(.saveFailed("\(error)")))
            }
        }
        thread.name = "shoal-save"
        thread.start()
    }

    private func saveModel() {
        guard let model = prepared?.configuration else { return }
        let (path, source, weights) = (directory.modelPath, configuration.model, store.buffer(.weights))
        inBackground {
            let layout = ParameterLayout(configuration: model)
            try withExtendedLifetime(weights) {
                try ModelDirectory.write(
                    to: path, configuration: model, tensors: WeightLoader.tensors(of: weights, layout: layout),
                    tokenizerFrom: source)
            }
            let digest = try weightsSHA256(safetensors: path + "/model.safetensors")
            return .modelSaved(path: path, sha256: digest)
        }
    }

    private func saveCheckpoint(_ state: CoordinatorMachine.TrainingState) {
        guard let model = prepared?.configuration else { return }
        let hasFirst = prepared?.preparation.stateParts.contains(.firstMoment) ?? false
        let hasSecond = prepared?.preparation.stateParts.contains(.secondMoment) ?? false
        let writer = CheckpointWriter(
            runDirectory: directory.path, model: model, tokenizerSource: configuration.model, seed: configuration.seed,
            state: state, weights: store.buffer(.weights), firstMoment: hasFirst ? store.buffer(.firstMoment) : nil,
            secondMoment: hasSecond ? store.buffer(.secondMoment) : nil)
        inBackground { .checkpointSaved(path: try writer.write()) }
    }
}
