import Checkpoint
import Collections
import Collectives
import Foundation
import Support
import Training
import Transformer

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
        case tick
        /// The process that started this one is gone.
        case parentGone
    }

    enum Effect: Sendable {
        case send(WorkerMessage)
        case compute(ComputeJob)
        /// Send a chunk of the copy of the state.
        case sendChunk(StateSnapshot, StatePart, index: Int, generation: UInt64)
        /// Give up the step under way and forget the work that waits.
        case abandon(String)
        case log(String)
        /// The coordinator does not come back: its folder of sockets goes, if it is one on this machine.
        case removeSockets
        /// The end; nil if all is well.
        case end(RunError?)
    }

    /// A state on its way here.
    private struct Loading {
        var step: UInt64
        var parts: [PartToLoad]
        /// Chunks asked for and received, counted through all parts.
        var asked = 0
        var received = 0
    }

    /// Chunks asked for at once.
    private static let credit = ControlLimits.chunkCredit / 2
    /// Between two greetings, where the coordinator asks for one.
    private static let greetingInterval = 0.5
    /// A clock that was away for longer: this process was stopped, and what it has not heard meanwhile means nothing.
    private static let longestPause = 2.0

    let worker: WorkerDescription
    let options: WorkerOptions
    private let startedAt: Double
    private var lastHeard: Double
    private var lastTick: Double
    private var lastHeartbeat: Double
    private var lastGreeting: Double
    private var welcome: Welcome?
    private var isOrphan = false
    private var generation: UInt64 = 0
    private var world: (rank: Int, size: Int)?
    private var loading: Loading?
    private var isConnected = false
    private var isReady = false
    /// The step that the next order must be for.
    private var nextStep: UInt64 = 0
    /// The steps behind the state, if there is one.
    private(set) var appliedSteps: UInt64 = 0
    private(set) var hasState = false
    /// Of the last steps applied, ascending.
    private var records: Deque<StepRecord> = []
    private var snapshot: StateSnapshot?
    private var hasFailed = false
    private(set) var hasEnded = false
    private var warned = false
    private var handshakes: HandshakeProblem
    private var warnedOfHandshake = false
    private var effects: [Effect] = []
    private var journal: WorkerJournal

    init(_ worker: WorkerDescription, options: WorkerOptions, now: Double) {
        self.worker = worker
        self.options = options
        handshakes = HandshakeProblem(endpoint: options.coordinator, keys: options.keys)
        journal = WorkerJournal(isQuiet: options.parentPID != nil, coordinator: options.coordinator, now: now)
        startedAt = now
        lastHeard = now
        lastTick = now
        lastHeartbeat = now
        lastGreeting = now
    }

    /// The greeting.
    mutating func start() -> [Effect] { [.send(message(greeting))] }

    private var greeting: WorkerMessage.Body {
        .hello(worker, runID: welcome?.runID ?? "", hasState: hasState)
    }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: Event, now: Double) -> [Effect] {
        effects.removeAll(keepingCapacity: true)
        guard !hasEnded else { return [] }
        switch event {
        case .message(let message):
            lastHeard = now
            if isOrphan {
                isOrphan = false
                effects.append(.log("the coordinator is back"))
            }
            received(message, now)
        case .rejected(let error): rejected(error)
        case .connectedElsewhere: send(greeting)
        case .handshake(let event): handshake(event)
        case .result(let result): finished(result)
        case .tick:
            tick(now)
            log(journal.tick(now))
        case .parentGone:
            // Once it is welcome, a worker waits for its coordinator to be started again.
            if welcome == nil { end(.failed("the process that started this worker is gone")) }
        }
        return effects
    }

    private func message(_ body: WorkerMessage.Body, step: UInt64? = nil) -> WorkerMessage {
        WorkerMessage(generation: generation, step: step ?? appliedSteps, body: body)
    }

    private mutating func send(_ body: WorkerMessage.Body, step: UInt64? = nil) {
        effects.append(.send(message(body, step: step)))
    }

    private mutating func log(_ line: String?) {
        if let line, !hasEnded { effects.append(.log(line)) }
    }

    private mutating func end(_ error: RunError?) {
        guard !hasEnded else { return }
        hasEnded = true
        effects.append(.end(error))
    }

    /// Tells the coordinator why this worker cannot go on; what can be repaired there keeps the worker alive.
    private mutating func fail(_ kind: WorkerFailure.Kind, _ phase: String, _ text: String) {
        send(.failure(WorkerFailure(kind: kind, phase: phase, message: text)))
        if kind == .fatal || kind == .order { end(.failed("\(phase): \(text)")) }
    }

    // MARK: messages

    private mutating func received(_ message: CoordinatorMessage, _ now: Double) {
        switch message.body {
        case .refusal(let reason): end(.failed("the coordinator refused this worker: \(reason)"))
        case .shutdown(let reason):
            effects.append(.log("the coordinator ended the run: \(reason.printable())\(journal.done)"))
            end(nil)
        case .heartbeat(let wantsReply): if wantsReply { heartbeat(now) }
        case .helloRequest:
            // Several of its answers may have crossed with one greeting.
            guard now - lastGreeting >= Self.greetingInterval else { return }
            lastGreeting = now
            send(greeting)
        case .welcome(let welcome): welcomed(welcome)
        case .membership(let rank, let size, let keys):
            joined(message.generation, rank: rank, size: size, keys: keys)
        case .status: break
        case .chunk, .peers, .step, .evaluate, .digestRequest, .snapshotRequest, .stateRequest, .snapshotRelease,
            .abandon:
            // From before the coordinator knew of a change, or of one that is no more.
            guard message.generation == generation else { return }
            inGeneration(message)
        }
    }

    private mutating func welcomed(_ welcome: Welcome) {
        if let known = self.welcome {
            guard known.runID == welcome.runID, known.modelSpecification == welcome.modelSpecification,
                known.hyperparameters == welcome.hyperparameters, known.seed == welcome.seed
            else {
                end(.failed("the coordinator at \(options.coordinator) has begun another run"))
                return
            }
            self.welcome = welcome
            return
        }
        do {
            let model = try ModelSpecification(json: welcome.modelSpecification)
            let hyperparameters = try JSONDecoder().decode(
                Hyperparameters.self, from: Data(welcome.hyperparameters.utf8))
            try hyperparameters.validate()
            self.welcome = welcome
            log(journal.welcomed(classes: model.head.outputWidth))
            effects.append(.compute(.prepare(model, hyperparameters, welcome)))
        } catch {
            fail(.order, "joining", "the run's configuration cannot be used: \(error)")
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
        self.generation = generation
        world = (rank, size)
        isConnected = false
        isReady = false
        hasFailed = false
        loading = nil
        snapshot = nil
        effects.append(.abandon("generation \(generation) begins"))
        effects.append(.compute(.join(generation: generation, rank: rank, worldSize: size, keys: keys)))
    }

    private mutating func inGeneration(_ message: CoordinatorMessage) {
        switch message.body {
        case .peers(let endpoints, let load): peers(endpoints, load, step: message.step)
        case .chunk(let part, let index, let payload): chunk(part, index, payload)
        case .step(let order):
            // After a failure, what was ordered before the coordinator knew is not carried out.
            guard !hasFailed else { return }
            guard isReady, let world, message.step == nextStep, order.partition.count == world.size,
                order.batches.count == order.partition[world.rank].count
            else {
                fail(.order, "step \(message.step + 1)", "an order that does not fit: expected step \(nextStep + 1)")
                return
            }
            nextStep += 1
            effects.append(.compute(.step(generation: generation, step: message.step, order)))
        case .evaluate(let id, let batches):
            guard !hasFailed else { return }
            guard isReady else {
                fail(.order, "evaluation", "an order before this worker was ready")
                return
            }
            effects.append(.compute(.evaluate(generation: generation, id: id, batches)))
        case .digestRequest:
            if !hasFailed { effects.append(.compute(.digest(generation: generation))) }
        case .snapshotRequest(let parts):
            // Possible after a failure too: the state before the step that failed is kept.
            effects.append(.compute(.snapshot(generation: generation, step: message.step, parts)))
        case .stateRequest(let part, let index):
            guard let snapshot, snapshot.step == message.step, snapshot.contains(part, index) else {
                fail(.order, "saving", "a chunk was asked for that is not there: \(index) after \(message.step) steps")
                return
            }
            effects.append(.sendChunk(snapshot, part, index: index, generation: generation))
        case .snapshotRelease: snapshot = nil
        case .abandon(let reason):
            hasFailed = true
            effects.append(.abandon(reason))
        default: break
        }
    }

    // MARK: loading

    private mutating func peers(_ endpoints: [String], _ load: [PartToLoad], step: UInt64) {
        guard let world, endpoints.count == world.size else {
            fail(.order, "connecting", "\(endpoints.count) peers in a world of \(world?.size ?? 0)")
            return
        }
        effects.append(.compute(.connect(generation: generation, endpoints)))
        nextStep = step
        guard !load.isEmpty else {
            guard hasState, appliedSteps == step else {
                fail(.order, "joining", "step \(step + 1) is next, but this worker has no state for it")
                return
            }
            return
        }
        // From here until all is there, the replica holds neither the old state nor the new one.
        hasState = false
        records.removeAll()
        loading = Loading(step: step, parts: load)
        effects.append(.compute(.beginLoad))
        askForChunks()
    }

    /// The part and the chunk within it that a number through all parts means.
    private func place(_ number: Int, _ loading: Loading) -> (part: StatePart, chunk: Int, chunks: Int)? {
        guard let welcome else { return nil }
        let chunks = ChunkMap(floats: welcome.weightCount).count
        guard number < chunks * loading.parts.count else { return nil }
        return (loading.parts[number / chunks].part, number % chunks, chunks)
    }

    private mutating func askForChunks() {
        guard var loading, let place = place(loading.asked, loading) else { return }
        let count = min(Self.credit - (loading.asked - loading.received), place.chunks - place.chunk)
        // Half a window at a time: a request a chunk would be as many messages as chunks.
        guard count > 0, count >= Self.credit / 2 || place.chunk + count == place.chunks else { return }
        send(.chunkRequest(place.part, place.chunk..<(place.chunk + count)))
        loading.asked += count
        self.loading = loading
        askForChunks()
    }

    private mutating func chunk(_ part: StatePart, _ index: Int, _ payload: Data) {
        // Over one connection, chunks come in the order in which they were asked for.
        guard var loading, loading.received < loading.asked, let place = place(loading.received, loading),
            let welcome, place.part == part, place.chunk == index,
            payload.count == (ChunkMap(floats: welcome.weightCount).range(index)?.count ?? 0) * 4
        else {
            fail(.order, "loading", "a chunk of the state came that was not asked for")
            return
        }
        loading.received += 1
        self.loading = loading
        effects.append(.compute(.store(part, chunk: index, payload)))
        if self.place(loading.received, loading) == nil {
            effects.append(.compute(.finishLoad(generation: generation, step: loading.step, loading.parts)))
        } else {
            askForChunks()
        }
    }

    private mutating func rejected(_ error: ProtocolError) {
        if let version = error.otherVersion {
            end(
                .failed(
                    "the coordinator speaks version \(version) of the control protocol, this worker version "
                        + "\(Preamble.version): install the same shoal on both"))
        } else if !warned {
            warned = true
            effects.append(.log("the coordinator sent \(error); is something else listening there?"))
        }
    }

    private mutating func handshake(_ event: ZeroMQMonitorEvent) {
        guard let problem = handshakes.told(by: event) else { return }
        if welcome == nil {
            end(.failed(problem))
        } else if !warnedOfHandshake {
            // What listens there now need not be the coordinator, for which this worker waits.
            warnedOfHandshake = true
            effects.append(.log(problem))
        }
    }

    // MARK: results

    private mutating func finished(_ result: ComputeResult) {
        switch result {
        case .loaded(let generation, let step):
            // Whatever the coordinator decided meanwhile, this is what the replica holds now.
            hasState = true
            appliedSteps = step
            guard generation == self.generation else { return }
            loading = nil
            readyIfComplete()
        case .bound(let generation, let endpoint):
            guard generation == self.generation else { return }
            send(.bound(endpoint: endpoint, hasState: hasState, records: hasState ? Array(records) : []))
        case .connected(let generation):
            guard generation == self.generation else { return }
            isConnected = true
            readyIfComplete()
        case .stepped(let generation, let step, let report):
            appliedSteps = step + 1
            records.append(StepRecord(step: step, lossSums: report.lossSums, gradientNorm: report.gradientNorm))
            if records.count > ControlLimits.maxRecords { records.removeFirst() }
            journal.stepped(step + 1)
            if generation == self.generation { send(.stepReport(report), step: step) }
        case .evaluated(let generation, let id, let logits):
            journal.evaluated(logits: logits.count)
            if generation == self.generation { send(.evaluationReport(id: id, logits: logits)) }
        case .digest(let generation, let digest):
            if generation == self.generation { send(.digest(digest)) }
        case .snapshot(let generation, let snapshot):
            guard generation == self.generation else { return }
            self.snapshot = snapshot
            send(.snapshotTaken, step: snapshot.step)
        case .failed(let generation, let failure): failed(generation, failure)
        }
    }

    private mutating func failed(_ generation: UInt64?, _ failure: WorkerFailure) {
        let isCurrent = generation == nil || generation == self.generation
        // That a step's loss is not finite does not depend on who computes it: it is true in the next generation too.
        guard isCurrent && !hasFailed || failure.kind == .nonFinite else { return }
        if isCurrent { hasFailed = true }
        send(.failure(failure))
        if isCurrent { effects.append(.abandon("a step failed")) }
        if failure.kind == .fatal || failure.kind == .order { end(.failed("\(failure.phase): \(failure.message)")) }
    }

    private mutating func readyIfComplete() {
        guard isConnected, !isReady, loading == nil, hasState, appliedSteps == nextStep else { return }
        isReady = true
        log(journal.joined(rank: world?.rank ?? 0, size: world?.size ?? 1, step: appliedSteps))
        send(.ready)
    }

    // MARK: time

    private mutating func heartbeat(_ now: Double) {
        lastHeartbeat = now
        send(.heartbeat(residentBytes: HostDescription.residentBytes()))
    }

    private mutating func tick(_ now: Double) {
        if now - lastTick > Self.longestPause { lastHeard += now - lastTick }
        lastTick = now
        if now - lastHeartbeat >= min(1, (welcome?.heartbeatTimeout ?? 4) / 4), welcome != nil || now - startedAt > 1 {
            heartbeat(now)
        }
        let silence = now - lastHeard
        guard let welcome else {
            guard silence > options.connectTimeout else { return }
            end(
                .failed(
                    "no answer from the coordinator at \(options.coordinator) within \(options.connectTimeout) s; "
                        + (handshakes.hint ?? "is it running and reachable?")))
            return
        }
        let orphanTimeout = options.orphanTimeout ?? welcome.orphanTimeout
        if silence > max(orphanTimeout, welcome.heartbeatTimeout) {
            end(
                .failed(
                    "the coordinator at \(options.coordinator) gave no sign of life for "
                        + "\(Int(max(orphanTimeout, welcome.heartbeatTimeout))) s"))
            effects.append(.removeSockets)
        } else if silence > welcome.heartbeatTimeout, !isOrphan {
            isOrphan = true
            effects.append(
                .log(
                    "the coordinator at \(options.coordinator) is silent; waiting up to \(Int(orphanTimeout)) s for it to "
                        + "be started again (by \(CommandName.current) resume)"))
        }
    }
}
