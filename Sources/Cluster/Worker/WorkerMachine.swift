import Collectives
import Foundation
import Modeling
import Support
import Training

/// A worker's decisions: a pure state machine, from messages, results and the time to effects.
struct WorkerMachine: Sendable {
    enum Event: Sendable {
        case message(CoordinatorMessage)
        /// Something that is no message came.
        case rejected(ProtocolError)
        /// Another address of the coordinator's host is tried.
        case connectedElsewhere
        /// Something happened to the connection to the coordinator.
        case handshake(ZeroMQMonitorEvent)
        case result(ComputeResult)
        /// Time has passed; `residentBytes` is the memory that this process has in use.
        case tick(residentBytes: UInt64)
        /// The process that started this one is gone.
        case parentGone
    }

    enum Effect: Sendable {
        case send(WorkerMessage)
        case compute(ComputeJob)
        /// Send a chunk of the copy of the state.
        case sendChunk(StateSnapshot, StatePart, index: Int, generation: UInt64)
        /// Give up the step under way and forget the work that waits, for this reason.
        case abandon(String)
        case log(String)
        /// The coordinator does not come back: its folder of sockets goes, if it is one on this machine.
        case removeSockets
        /// The end: how the run ended, or why this worker cannot go on.
        case end(Result<RunEnd, RunError>)
    }

    let worker: WorkerDescription
    let options: WorkerOptions
    var state = State.greeting
    var held = HeldState()
    private var contact: ContactTimer
    private var silence: CoordinatorTimeout
    private var connection: ConnectionDiagnosis
    private var residentBytes: UInt64
    var journal: WorkerJournal
    private var effects: [Effect] = []

    init(_ worker: WorkerDescription, options: WorkerOptions, residentBytes: UInt64 = 0, now: Double) {
        self.worker = worker
        self.options = options
        self.residentBytes = residentBytes
        contact = ContactTimer(now: now)
        silence = CoordinatorTimeout(now: now)
        connection = ConnectionDiagnosis(options)
        journal = WorkerJournal(isQuiet: options.parentPID != nil, coordinator: options.coordinator, now: now)
    }

    /// The greeting.
    func start() -> [Effect] { [.send(message(greeting))] }

    private var greeting: WorkerMessage.Body {
        .hello(worker, runID: welcome?.runID ?? "", hasState: held.isWhole)
    }

    /// What the coordinator has said of the run; nil before its first answer.
    private var welcome: Welcome? {
        if case .welcomed(let welcome, _) = state { welcome } else { nil }
    }

    /// The place in the newest generation.
    var membership: GenerationPhase {
        if case .welcomed(_, let membership) = state { membership } else { .none }
    }

    var hasEnded: Bool { if case .ended = state { true } else { false } }

    /// The newest generation that this worker has a place in; 0 before the first.
    var generation: UInt64 { membership.world?.generation ?? 0 }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: Event, now: Double) -> [Effect] {
        effects.removeAll(keepingCapacity: true)
        guard !hasEnded else { return [] }
        switch event {
        case .message(let message):
            if silence.recordContact(now) { perform(.log("the coordinator is back")) }
            received(message, now)
        case .rejected(let error): rejected(error)
        case .connectedElsewhere: send(greeting)
        case .handshake(let event): handshake(event)
        case .result(let result): finished(result)
        case .tick(let bytes):
            residentBytes = bytes
            tick(now)
            log(journal.tick(now))
        case .parentGone:
            // Once it is welcome, a worker waits for its coordinator to be started again.
            if welcome == nil { end(.failed("the process that started this worker is gone")) }
        }
        return effects
    }

    // MARK: effects

    private func message(_ body: WorkerMessage.Body, step: UInt64? = nil) -> WorkerMessage {
        WorkerMessage(generation: generation, step: step ?? held.appliedSteps, body: body)
    }

    mutating func perform(_ effect: Effect) { effects.append(effect) }

    mutating func send(_ body: WorkerMessage.Body, step: UInt64? = nil) {
        perform(.send(message(body, step: step)))
    }

    mutating func log(_ line: String?) {
        if let line, !hasEnded { perform(.log(line)) }
    }

    mutating func end(_ error: RunError) { end(.failure(error)) }

    private mutating func end(_ result: Result<RunEnd, RunError>) {
        guard !hasEnded else { return }
        state = .ended
        perform(.end(result))
    }

    /// Reports to the coordinator why this worker cannot go on; what can be repaired there keeps the worker alive.
    mutating func fail(_ kind: WorkerFailure.Kind, _ phase: String, _ text: String) {
        send(.failure(WorkerFailure(kind: kind, phase: phase, message: text)))
        if kind == .fatal || kind == .order { end(.failed("\(phase): \(text)")) }
    }

    /// Another place in the generation, or another stage of it; nothing before the welcome and after the end.
    mutating func enter(_ membership: GenerationPhase) {
        guard case .welcomed(let welcome, _) = state else { return }
        state = .welcomed(welcome, membership)
    }

    /// Characters of the coordinator's reason that are shown: some name two workers, and options to change.
    private static let shownReason = 600

    // MARK: messages

    private mutating func received(_ message: CoordinatorMessage, _ now: Double) {
        switch message.body {
        case .refusal(let reason): end(.failed("the coordinator refused this worker: \(reason)"))
        case .shutdown(let reason, let isComplete):
            perform(.log("the coordinator ended the run: \(reason.printable(limit: Self.shownReason))\(journal.done)"))
            end(.success(isComplete ? .complete : .incomplete))
        case .heartbeat(let wantsReply): if wantsReply { heartbeat(now) }
        case .helloRequest: if contact.takeGreeting(now) { send(greeting) }
        case .welcome(let welcome): welcomed(welcome)
        case .membership(let rank, let size, let keys):
            joined(message.generation, rank: rank, size: size, keys: keys)
        case .status: break
        case .chunk, .peers, .step, .evaluate, .digestRequest, .snapshotRequest, .stateRequest, .snapshotRelease,
            .abandon:
            // From before the coordinator knew of a change, or of one that is no more.
            guard message.generation == generation else { return }
            receivedInGeneration(message)
        }
    }

    private mutating func welcomed(_ welcome: Welcome) {
        if case .welcomed(let known, let membership) = state {
            guard known.isSameRun(as: welcome) else {
                end(.failed("the coordinator at \(options.coordinator) has begun another run"))
                return
            }
            guard !known.isSamePhase(as: welcome) else {
                state = .welcomed(welcome, membership)
                return
            }
            // Another phase: what is held belongs to the model of the one before. A generation follows.
            held.replaceReplica()
            perform(.abandon("another phase begins"))
            prepare(welcome, membership.world.map { GenerationPhase.failed($0, nil) } ?? GenerationPhase.none)
            return
        }
        log(prepare(welcome, .none))
    }

    /// Has a replica made; what to say of it.
    @discardableResult
    private mutating func prepare(_ welcome: Welcome, _ membership: GenerationPhase) -> String? {
        do {
            let model = try ModelSpecification(json: welcome.modelSpecification)
            let hyperparameters = try JSONDecoder().decode(
                Hyperparameters.self, from: Data(welcome.hyperparameters.utf8))
            try hyperparameters.validate()
            state = .welcomed(welcome, membership)
            perform(.compute(.prepare(model, hyperparameters, welcome)))
            return journal.welcomed(classes: model.head.outputWidth)
        } catch {
            fail(.order, "joining", "the run's configuration cannot be used: \(error)")
            return nil
        }
    }

    private mutating func joined(_ generation: UInt64, rank: Int, size: Int, keys: [CurvePublicKey]) {
        guard welcome != nil else { return }
        guard keys.isEmpty == (worker.dataKey == nil), keys.isEmpty || keys[rank] == worker.dataKey else {
            fail(.fatal, "joining", "some workers have keys and others have none; start all with --keys")
            return
        }
        guard generation > self.generation else {
            // The coordinator does not know how far one before it had counted.
            send(greeting)
            return
        }
        enter(.joining(World(generation: generation, rank: rank, size: size)))
        held.snapshot = nil
        perform(.abandon("generation \(generation) begins"))
        perform(.compute(.join(generation: generation, rank: rank, worldSize: size, keys: keys)))
    }

    // MARK: the connection

    private mutating func rejected(_ error: ProtocolError) {
        guard let version = error.otherVersion else {
            log(connection.warning(error))
            return
        }
        end(
            .failed(
                "the coordinator speaks version \(version) of the control protocol, this worker version "
                    + "\(Preamble.version): install the same shoal on both"))
    }

    private mutating func handshake(_ event: ZeroMQMonitorEvent) {
        if welcome != nil {
            log(connection.warning(event))
        } else if let problem = connection.fatal(event) {
            end(.failed(problem))
        }
    }

    // MARK: time

    private mutating func heartbeat(_ now: Double) {
        contact.heartbeatSent(now)
        send(.heartbeat(residentBytes: residentBytes))
    }

    private mutating func tick(_ now: Double) {
        silence.tick(now)
        if contact.isHeartbeatDue(now, timeout: welcome?.heartbeatTimeout) { heartbeat(now) }
        guard let welcome else {
            guard silence.isUnanswered(now, timeout: options.connectTimeout) else { return }
            end(
                .noCoordinator(
                    "no answer from the coordinator at \(options.coordinator) within \(options.connectTimeout) s; "
                        + (connection.hint ?? "is it running and reachable?")))
            return
        }
        let orphanTimeout = options.orphanTimeout ?? welcome.orphanTimeout
        switch silence.check(now, heartbeat: welcome.heartbeatTimeout, orphan: orphanTimeout) {
        case .nothing: break
        case .fellSilent(let seconds):
            perform(
                .log(
                    "the coordinator at \(options.coordinator) is silent; waiting up to \(Int(seconds)) s for it to "
                        + "be started again (by \(CommandName.current) resume)"))
        case .gone(let seconds):
            end(
                .noCoordinator(
                    "the coordinator at \(options.coordinator) gave no sign of life for \(Int(seconds)) s"))
            perform(.removeSockets)
        }
    }
}
