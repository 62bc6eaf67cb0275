import Collections
import Foundation
import Training

/// The coordinator's decisions: a pure state machine, from events and the time to effects. It owns no socket, no
/// process and no file, so it can be tested, and simulated, without any.
struct CoordinatorMachine: Sendable {
    struct Settings: Sendable {
        /// The workers that a run starts with.
        var workers: Int
        /// They are children of this process; then `childStarted` tells their process ids.
        var local: Bool
        var heartbeatTimeout = 5.0
        var joinTimeout = 600.0
        /// Steps ordered ahead of the one under way.
        var lookahead = 3
        /// How long a failure that a worker blames on another waits for a better explanation.
        var blameSeconds = 3.0
        /// How long the other workers' reports are waited for when a loss is not finite.
        var nonFiniteSeconds = 10.0

        var heartbeatInterval: Double { min(1, heartbeatTimeout / 4) }
    }

    /// What happens to the coordinator.
    enum Event: Sendable {
        case prepared(Preparation)
        case preparationFailed(RunError)
        case message(PeerID, WorkerMessage)
        /// Something that is no message came from there.
        case rejected(PeerID, ProtocolError)
        case childStarted(number: Int, pid: Int)
        /// `why` follows a name: "was killed by signal 9 (SIGKILL)".
        case childExited(number: Int, pid: Int, why: String)
        /// Ctrl-C or SIGTERM.
        case interrupt
        /// The model was written; its weights have this SHA-256.
        case modelSaved(path: String, sha256: String)
        case checkpointSaved(path: String)
        case saveFailed(String)
        case tick
    }

    /// What the coordinator shall do.
    enum Effect: Sendable {
        case send(PeerID, CoordinatorMessage)
        /// Send these chunks of the initial weights.
        case sendWeights(PeerID, Range<Int>)
        case emit(RunEvent)
        /// Warn about a sender, once.
        case logSender(PeerID, String)
        /// Data is there and workers too: write `run.yaml` and open `metrics.jsonl`.
        case openRunDirectory
        /// Keep a part of the state that is being fetched.
        case storeChunk(StatePart, index: Int, payload: Data)
        /// Write `model/` from the fetched weights.
        case saveModel
        case saveCheckpoint(TrainingState)
        /// Tell the remaining workers to go, and end.
        case end(Outcome)
    }

    enum Outcome: Sendable, Equatable {
        case success(RunResult)
        case failure(RunError)
    }

    /// What a checkpoint keeps besides the vectors.
    struct TrainingState: Sendable, Equatable {
        var step: Int
        var epoch: Int
        var schedule: [String: Double]
    }

    enum Phase: Sendable {
        /// Waiting for the data and for all workers.
        case gathering
        /// The generation's members load weights and connect to each other.
        case connecting
        case training
        case evaluating(EvaluationJob)
        /// All weights are hashed and compared.
        case verifying
        case fetching(Fetch)
        case saving(Fetch.Purpose)
        case failing(Failing)
        case ended
    }

    let settings: Settings
    let startedAt: Double
    var phase = Phase.gathering
    var members: [Member] = []
    var generation: UInt64 = 0
    var preparation: Preparation?
    /// Process ids of children that run, by number.
    var children: [Int: Int] = [:]
    /// Workers whose process id is not known as a child's (yet).
    var unmatched: [PeerID: WorkerDescription] = [:]
    var isInterrupted = false
    var progress = Progress()
    var test: EvaluationRecord?
    var nextOrderID: UInt32 = 0
    var lastHeartbeat = -Double.infinity
    private(set) var effects: [Effect] = []

    init(_ settings: Settings, now: Double) {
        self.settings = settings
        startedAt = now
    }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: Event, now: Double) -> [Effect] {
        effects.removeAll(keepingCapacity: true)
        if case .ended = phase { return [] }
        switch event {
        case .prepared(let preparation): prepared(preparation, now)
        case .preparationFailed(let error): end(.failure(error))
        case .message(let peer, let message): received(message, from: peer, now)
        case .rejected(let peer, let error): rejected(peer, error)
        case .childStarted(let number, let pid): childStarted(number, pid: pid, now)
        case .childExited(let number, let pid, let why): childExited(number, pid: pid, why: why)
        case .interrupt: interrupted(now)
        case .modelSaved(let path, let digest): modelSaved(path: path, digest: digest, now)
        case .checkpointSaved(let path): checkpointSaved(path: path)
        case .saveFailed(let reason): end(.failure(.failed(reason)))
        case .tick: tick(now)
        }
        return effects
    }

    mutating func perform(_ effect: Effect) { effects.append(effect) }

    mutating func send(_ peer: PeerID, _ body: CoordinatorMessage.Body, step: Int = 0) {
        perform(.send(peer, CoordinatorMessage(generation: generation, step: UInt64(step), body: body)))
    }

    mutating func broadcast(_ body: CoordinatorMessage.Body, step: Int = 0) {
        for member in members { send(member.peer, body, step: step) }
    }

    mutating func end(_ outcome: Outcome) {
        let reason: String
        switch outcome {
        case .success: reason = "the run is complete"
        case .failure(let error): reason = error.description
        }
        broadcast(.shutdown(String(reason.prefix(200))))
        perform(.end(outcome))
        phase = .ended
    }

    func index(of peer: PeerID) -> Int? { members.firstIndex { $0.peer == peer } }

    // MARK: messages

    private mutating func received(_ message: WorkerMessage, from peer: PeerID, _ now: Double) {
        guard let index = index(of: peer) else {
            if case .hello(let worker) = message.body {
                hello(worker, from: peer, now)
            } else if unmatched[peer] == nil {
                perform(.logSender(peer, "a message from a worker that has not joined"))
            }
            return
        }
        members[index].lastHeard = now
        switch message.body {
        case .hello: perform(.logSender(peer, "\(members[index].name) said hello twice"))
        case .heartbeat(let bytes): members[index].residentBytes = bytes
        case .chunkRequest(let chunks): chunkRequest(chunks, index)
        case .failure(let failure):
            // A failure counts in any generation up to this one: its sender may have failed before it got the news.
            workerFailed(index, failure, applied: message.step, now)
        case .bound, .ready, .stepReport, .evaluationReport, .digest, .chunk:
            guard message.generation == generation else { return }
            inGeneration(message, index, now)
        }
    }

    private mutating func inGeneration(_ message: WorkerMessage, _ index: Int, _ now: Double) {
        switch message.body {
        case .bound(let endpoint): bound(endpoint, index)
        case .ready: ready(index, now)
        case .stepReport(let report): stepReported(report, step: message.step, index, now)
        case .evaluationReport(let id, let logits): evaluationReported(id, logits, index, now)
        case .digest(let digest): digestReported(digest, step: message.step, index)
        case .chunk(let part, let chunk, let payload):
            fetched(part, chunk, payload, step: message.step, index)
        default: break
        }
    }

    /// A member sent something that does not fit: its program is broken, and waiting for the right thing may take for
    /// ever.
    mutating func violation(_ index: Int, _ what: String) {
        end(.failure(.failed("\(members[index].name) sent \(what); is it the same version of shoal?")))
    }

    private mutating func rejected(_ peer: PeerID, _ error: ProtocolError) {
        let name = index(of: peer).map { members[$0].name } ?? "an unknown sender"
        guard let version = error.otherVersion else {
            perform(.logSender(peer, "\(name) sent \(error)"))
            return
        }
        let text =
            "a worker speaks version \(version) of the control protocol, the coordinator version "
            + "\(Preamble.version): install the same shoal on both"
        send(peer, .refusal(text))
        perform(.logSender(peer, text))
        if settings.local { end(.failure(.failed(text))) }
    }

    private mutating func tick(_ now: Double) {
        if now - lastHeartbeat >= settings.heartbeatInterval {
            lastHeartbeat = now
            broadcast(.heartbeat)
        }
        if case .failing(let failing) = phase, now >= failing.deadline { failingTimedOut(failing, now) }
        if needsWorkers, let silent = members.first(where: { now - $0.lastHeard > settings.heartbeatTimeout }) {
            end(
                .failure(
                    .workerLost(
                        "\(silent.name) gave no sign of life for \(settings.heartbeatTimeout) s \(activity); "
                            + "is its machine up and connected?")))
        }
        switch phase {
        case .gathering, .connecting:
            if now - startedAt > settings.joinTimeout { joinTimedOut() }
        default: break
        }
    }

    /// Whether the loss of a worker matters still.
    var needsWorkers: Bool {
        switch phase {
        case .saving, .ended: false
        default: true
        }
    }

    /// What is going on, for errors: "during step 12".
    var activity: String {
        switch phase {
        case .gathering, .connecting: "while the workers were joining"
        case .training: "during step \(progress.completed + 1)"
        case .evaluating(let job): "while the \(job.kind.rawValue) set was evaluated"
        case .verifying, .fetching: "while the model was collected"
        case .failing: "after another failure in step \(progress.completed + 1)"
        case .saving, .ended: "at the end"
        }
    }
}
