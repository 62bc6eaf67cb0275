import Collections
import Foundation
import Training
import Transformer

/// The coordinator's decisions: a pure state machine, from events and the time to effects. It owns no socket, no
/// process and no file, so it can be tested, and simulated, without any.
///
/// Members are numbered into generations. A generation begins when the one before lost somebody, or when somebody wants
/// to join; then all tell which steps they have applied, those behind are sent the state of one that is not, and the
/// work goes on from the newest state that there is.
struct CoordinatorMachine: Sendable {
    struct Settings: Sendable {
        /// The workers that a run starts with.
        var workers: Int
        /// They are children of this process; then `childStarted` tells their process ids.
        var local: Bool
        /// Fewer than these, and the others wait.
        var minWorkers = 1
        /// More than these are sent away: they would have nothing to do.
        var maxWorkers = ControlLimits.maxWorkers
        /// How often workers that are children are started again, all together.
        var maxRestarts = 0
        /// The run has begun before: those of its workers that live still will come by themselves.
        var isResumed = false
        /// See ``RunSummary/remediesForWaiting``.
        var remediesForWaiting: [String] = []
        /// The folder of the keys that workers need, to be told to people; nil for none.
        var keys: String?
        /// How many coordinators the run had before: their generations have lower numbers, so that what was sent to one
        /// of them, and comes late, is not taken for something new.
        var incarnation = 0
        var heartbeatTimeout = 5.0
        var joinTimeout = 600.0
        /// Seconds that a resumed run waits for its workers before it goes on with those that are there.
        var returnSeconds = 8.0
        /// Steps ordered ahead of the one under way.
        var lookahead = 3
        /// How long a worker that others blame may take for a sign of life.
        var suspicionSeconds = 0.75
        /// Seconds without a sign of work from a worker that owes one, while others work, after which it is replaced;
        /// more where steps take long, see `stallFactor`.
        var stallSeconds = 60.0
        /// As many times the median of the last steps' seconds, where that is more than `stallSeconds`.
        var stallFactor = 20.0
        /// In place of both, until a step was measured.
        var firstStallSeconds = 600.0
        /// How long the other workers' reports are waited for when a loss is not finite.
        var nonFiniteSeconds = 10.0
        /// Steps between checkpoints; nil for none.
        var checkpointEvery: Int?
        /// Seconds between checkpoints; nil for none.
        var checkpointSeconds: Double?
        /// Ends with the best state by validation, not with the last one.
        var keepsBest = false
        /// No checkpoint stays once the model is written.
        var removesCheckpoints = false
        /// Deals micro-batches by measured speed.
        var balances = true
        /// In what workers compute: which of their instructions decide the bits.
        var precision = Precision.float32

        var heartbeatInterval: Double { min(1, heartbeatTimeout / 4) }
        var keepsCheckpoints: Bool { checkpointEvery != nil || checkpointSeconds != nil }
    }

    /// What happens to the coordinator.
    enum Event: Sendable {
        case prepared(RunPlan)
        case preparationFailed(RunError)
        case message(PeerID, WorkerMessage)
        /// Something that is no message came from there.
        case rejected(PeerID, ProtocolError)
        /// Its key was taken back.
        case revoked(PeerID)
        case childStarted(number: Int, pid: Int)
        /// `why` follows a name: "was killed by signal 9 (SIGKILL)"; `bySignal` tells that from an exit of its own.
        case childExited(number: Int, pid: Int, why: String, bySignal: Bool)
        /// Ctrl-C or SIGTERM.
        case interrupt
        /// The state to begin with was read again from disk.
        case sourceLoaded(StateSource)
        case sourceFailed(String)
        /// The best checkpoint was read.
        case bestLoaded(StateSource)
        /// The model was written; its weights have this SHA-256.
        case modelSaved(path: String, sha256: String)
        case checkpointSaved(path: String)
        case saveFailed(String)
        case tick
    }

    /// What the coordinator shall do.
    enum Effect: Sendable {
        case send(PeerID, CoordinatorMessage)
        /// Send these chunks of the state that the run begins with, in this generation.
        case sendSource(PeerID, StatePart, Range<Int>, generation: UInt64)
        case emit(RunEvent)
        /// Warn about a sender, once.
        case logSender(PeerID, String)
        /// Data is there and workers too: write `run.yaml` and open `metrics.jsonl`.
        case openRunDirectory
        /// Take from `metrics.jsonl` what lies beyond this step.
        case rewindMetrics(step: Int)
        /// Read the newest whole checkpoint, or else what the run began with.
        case loadSource
        /// Read the checkpoint of this step, whose weights become the model.
        case loadBest(step: Int)
        /// The workers have the state now: it need not be kept here.
        case releaseSource
        /// Start a worker again.
        case startWorker(Int)
        /// It hangs.
        case killWorker(Int)
        /// A state is going to be fetched.
        case beginStore
        /// Keep a part of the state that is being fetched.
        case storeChunk(StatePart, index: Int, payload: Data)
        case saveCheckpoint(TrainingState)
        /// Write `model/` from the fetched weights.
        case saveModel
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
        var metrics: [String: Double]
    }

    enum Phase: Sendable {
        /// Waiting for the data, or for more workers.
        case gathering(since: Double)
        /// A checkpoint is being written that is further than any worker: the work goes on from that.
        case awaitingCheckpoint
        /// No worker has the state: it is read from disk.
        case restoring
        /// The generation's members tell where they stand, load what they lack, and connect to each other.
        case connecting
        case training
        case evaluating(EvaluationJob)
        /// All weights are hashed and compared.
        case verifying
        /// Everything rests while the state is fetched.
        case fetching
        /// The last state is here: the workers are not needed any more.
        case saving
        case failing(Failing)
        case ended
    }

    let settings: Settings
    let startedAt: Double
    var phase: Phase
    /// The members of the generation, by rank.
    var members: [Member] = []
    /// Those that will be members of the next one.
    var waiting: [Member] = []
    var generation: UInt64
    /// The newest that a worker has told of: that of a coordinator that is no more.
    var newestGeneration: UInt64 = 0
    var hasBegun = false
    /// Counts the generations that were formed without a step being taken.
    var idleGenerations = 0
    var preparation: RunPlan?
    var history: RunHistory?
    var source: StateSource?
    /// Process ids of children that run, by number.
    var children: [Int: Int] = [:]
    var restarts = 0
    /// Children to be started, and when.
    var starts: [Int: Double] = [:]
    /// Children that fell silent, and when to end them.
    var hung: [Int: Double] = [:]
    /// Workers whose process id is not known as a child's (yet), and since when.
    var unmatched: [PeerID: (worker: WorkerDescription, since: Double)] = [:]
    /// The run shall end with this, once the state is kept.
    var ending: RunError?
    var isInterrupted: Bool { if case .interrupted = ending { true } else { false } }
    var wantsGeneration = false
    /// The step from which the generation that is being formed goes on.
    var nextStep = 0
    var suspicion: Suspicion?
    /// How often each worker was missed by others since a step was last completed, once a generation at most.
    var strikes: [PeerID: Int] = [:]
    var pace = Pace()
    /// A step that a worker says cannot be taken.
    var doubt: Doubt?
    /// Workers whose reports of a step differ from those of most.
    var outliers: [(peer: PeerID, sent: String)] = []
    /// The weights are compared before the next step.
    var verifiesNext = false
    var failures = RepeatedFailures()
    var statusDesk = StatusDesk()
    var unreachable: Unreachable?
    /// Workers of the first membership that were sent away as others could not reach them.
    var leftOut = 0
    var progress = Progress()
    /// Of this coordinator's part of the run, for ``status(_:)``.
    var remaining: RemainingTime?
    var balancer = Balancer(isEnabled: false, speeds: [])
    var fetch: Fetch?
    /// What is being written in the background.
    var writing: Writing?
    var relay = Relay()
    var checkpoints = Checkpoints()
    var test: EvaluationRecord?
    /// The best validation so far.
    var best: Best?
    /// The run ends with an earlier state than the last.
    var finale: Finale?
    var nextOrderID: UInt32 = 0
    var lastHeartbeat = -Double.infinity
    var lastTick: Double
    var journal: [RunStatus.Change] = []
    private(set) var effects: [Effect] = []

    init(_ settings: Settings, now: Double) {
        self.settings = settings
        startedAt = now
        lastTick = now
        phase = .gathering(since: now)
        generation = UInt64(clamping: settings.incarnation) << Self.generationBits
        checkpoints.lastAt = now
    }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: Event, now: Double) -> [Effect] {
        effects.removeAll(keepingCapacity: true)
        if case .ended = phase { return [] }
        switch event {
        case .prepared(let preparation): prepared(preparation, now)
        case .preparationFailed(let error): end(.failure(error))
        case .message(let peer, let message): received(message, from: peer, now)
        case .rejected(let peer, let error): rejected(peer, error, now)
        case .revoked(let peer): revoked(peer, now)
        case .childStarted(let number, let pid): childStarted(number, pid: pid, now)
        case .childExited(let number, let pid, let why, let bySignal):
            childExited(number, pid: pid, why: why, bySignal: bySignal, now)
        case .interrupt: interrupted(now)
        case .sourceLoaded(let source): sourceLoaded(source, now)
        case .sourceFailed(let reason): end(.failure(.failed(reason)))
        case .bestLoaded(let source): bestLoaded(source, now)
        case .modelSaved(let path, let digest): modelSaved(path: path, digest: digest, now)
        case .checkpointSaved(let path): checkpointSaved(path: path, now)
        case .saveFailed(let reason): saveFailed(reason, now)
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
        for member in members + waiting { send(member.peer, .shutdown(String(reason.prefix(200)))) }
        for peer in unmatched.keys { send(peer, .shutdown(String(reason.prefix(200)))) }
        perform(.end(outcome))
        phase = .ended
    }

    private static let generationBits: UInt64 = 24

    /// The generation's number since this coordinator was started.
    var shownGeneration: UInt64 { generation & (1 << Self.generationBits - 1) }

    func index(of peer: PeerID) -> Int? { members.firstIndex { $0.peer == peer } }

    /// Whether it takes part, or is about to.
    func knows(_ peer: PeerID) -> Bool {
        index(of: peer) != nil || waiting.contains { $0.peer == peer } || unmatched[peer] != nil
    }

    // MARK: messages

    private mutating func received(_ message: WorkerMessage, from peer: PeerID, _ now: Double) {
        if case .statusRequest = message.body {
            var desk = statusDesk
            if desk.admits(peer, now) {
                let json = desk.json(now) { status(now) }
                send(peer, .status(json))
            }
            statusDesk = desk
            return
        }
        guard let index = index(of: peer) else {
            receivedFromOutside(message, peer, now)
            return
        }
        members[index].lastHeard = now
        switch message.body {
        case .statusRequest: break
        case .hello:
            // It is in a generation of a coordinator that is no more: the next one must have a greater number.
            guard message.generation >= generation, needsWorkers else { break }
            newestGeneration = max(newestGeneration, min(message.generation, ControlLimits.maxGeneration / 2))
            formGeneration(now)
        case .heartbeat(let bytes): members[index].residentBytes = bytes
        case .failure(let failure):
            // A failure counts in any generation up to this one: its sender may have failed before it got the news.
            workerFailed(index, failure, in: message.generation, applied: Int(clamping: message.step), now)
        case .bound, .ready, .stepReport, .evaluationReport, .digest, .chunk, .chunkRequest, .snapshotTaken:
            guard message.generation == generation else { return }
            members[index].owesSince = nil
            inGeneration(message, index, now)
        }
        var isHeartbeat = false
        if case .heartbeat = message.body { isHeartbeat = true }
        isCleared(peer, isHeartbeat: isHeartbeat, now)
    }

    /// A message from somebody who is no member: a newcomer, or one that was given up, or one of a coordinator that is
    /// no more.
    private mutating func receivedFromOutside(_ message: WorkerMessage, _ peer: PeerID, _ now: Double) {
        if let at = waiting.firstIndex(where: { $0.peer == peer }) {
            waiting[at].lastHeard = now
            if case .heartbeat(let bytes) = message.body { waiting[at].residentBytes = bytes }
            return
        }
        if case .hello(let worker, let runID, let hasState) = message.body {
            // Generations of coordinators that are no more must not be confused with new ones.
            newestGeneration = max(newestGeneration, min(message.generation, ControlLimits.maxGeneration / 2))
            hello(
                worker, runID: runID, applied: hasState ? Int(clamping: message.step) : nil, from: peer, now)
        } else if unmatched[peer] == nil {
            send(peer, .helloRequest)
        }
    }

    private mutating func inGeneration(_ message: WorkerMessage, _ index: Int, _ now: Double) {
        switch message.body {
        case .bound(let endpoint, let hasState, let records):
            bound(endpoint, applied: hasState ? Int(clamping: message.step) : nil, records, index, now)
        case .ready: ready(index, now)
        case .stepReport(let report): stepReported(report, step: message.step, index, now)
        case .evaluationReport(let id, let logits): evaluationReported(id, logits, index, now)
        case .digest(let digest): digestReported(digest, step: message.step, index, now)
        case .chunkRequest(let part, let chunks): chunkRequest(part, chunks, index, now)
        case .snapshotTaken: snapshotTaken(step: message.step, index, now)
        case .chunk(let part, let chunk, let payload): received(part, chunk, payload, step: message.step, index, now)
        default: break
        }
    }

    // MARK: time

    private mutating func tick(_ now: Double) {
        // A process that was stopped, or a machine that slept, has heard from nobody meanwhile.
        let pause = now - lastTick
        if pause > 2 {
            for i in members.indices {
                members[i].lastHeard += pause
                members[i].owesSince = members[i].owesSince.map { $0 + pause }
            }
            for i in waiting.indices { waiting[i].lastHeard += pause }
        }
        lastTick = now
        if now - lastHeartbeat >= settings.heartbeatInterval {
            lastHeartbeat = now
            for member in members + waiting { send(member.peer, .heartbeat(wantsReply: false)) }
        }
        for (peer, newcomer) in unmatched where now - newcomer.since > 1 {
            unmatched[peer] = nil
            guard members.count + waiting.count < settings.maxWorkers else {
                send(peer, .refusal("the run has all the workers that it has work for (\(settings.maxWorkers))"))
                continue
            }
            join(newcomer.worker, number: freeNumber(isReturning: false), applied: nil, peer: peer, now)
        }
        guard needsWorkers else { return }
        for (number, time) in starts where now >= time {
            starts[number] = nil
            perform(.startWorker(number))
        }
        for member in members + waiting where now - member.lastHeard > settings.heartbeatTimeout {
            lose(member.peer, why: "gave no sign of life for \(settings.heartbeatTimeout) s", now)
        }
        for (number, deadline) in hung where now >= deadline {
            hung[number] = nil
            if restarts < settings.maxRestarts { perform(.killWorker(number)) }
        }
        if let suspicion, now >= suspicion.deadline { loseSuspects(suspicion, now) }
        findStalled(now)
        if let unreachable, now >= unreachable.deadline { decide(unreachable, now) }
        switch phase {
        case .failing(let failing) where now >= failing.deadline: failingTimedOut(now)
        case .gathering(let since): waited(now - since, now)
        case .fetching: retryIfDue(now)
        case .connecting where !hasBegun && now - startedAt > settings.joinTimeout: joinTimedOut(now)
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
}
