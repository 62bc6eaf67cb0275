import Checkpoint
import Foundation
import Training

/// A worker's decisions: a pure state machine, from messages, results and the time to effects.
struct WorkerMachine: Sendable {
    enum Event: Sendable {
        case message(CoordinatorMessage)
        /// Something that is no message came.
        case rejected(ProtocolError)
        case result(ComputeResult)
        case tick
        /// The process that started this one is gone.
        case parentGone
    }

    enum Effect: Sendable {
        case send(WorkerMessage)
        case compute(ComputeJob)
        /// Give up the step under way and forget those that wait.
        case abandon(String)
        case log(String)
        /// The end; nil if all is well.
        case end(RunError?)
    }

    /// Chunks asked for at once.
    private static let credit = ControlLimits.chunkCredit / 2

    let worker: WorkerDescription
    let options: WorkerOptions
    private let startedAt: Double
    private var lastHeard: Double
    private var lastHeartbeat: Double
    private var heartbeatTimeout: Double
    private var welcome: Welcome?
    private var chunksAsked = 0
    private var chunksReceived = 0
    private var isLoaded = false
    private var generation: UInt64 = 0
    private var world: (rank: Int, size: Int)?
    private var isConnected = false
    private var isReady = false
    /// The step that the next order must be for.
    private var nextStep: UInt64 = 0
    private var appliedSteps: UInt64 = 0
    private var hasFailed = false
    private(set) var hasEnded = false
    private var warned = false
    private var effects: [Effect] = []

    init(_ worker: WorkerDescription, options: WorkerOptions, now: Double) {
        self.worker = worker
        self.options = options
        startedAt = now
        lastHeard = now
        lastHeartbeat = now
        heartbeatTimeout = options.connectTimeout
    }

    /// The greeting.
    mutating func start() -> [Effect] { [.send(message(.hello(worker)))] }

    /// Takes in an event at `now` (seconds on a monotonic clock) and says what to do.
    mutating func handle(_ event: Event, now: Double) -> [Effect] {
        effects.removeAll(keepingCapacity: true)
        guard !hasEnded else { return [] }
        switch event {
        case .message(let message):
            lastHeard = now
            received(message)
        case .rejected(let error): rejected(error)
        case .result(let result): finished(result)
        case .tick: tick(now)
        case .parentGone: end(.failed("the process that started this worker is gone"))
        }
        return effects
    }

    private func message(_ body: WorkerMessage.Body, step: UInt64? = nil) -> WorkerMessage {
        WorkerMessage(generation: generation, step: step ?? appliedSteps, body: body)
    }

    private mutating func send(_ body: WorkerMessage.Body, step: UInt64? = nil) {
        effects.append(.send(message(body, step: step)))
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

    private mutating func received(_ message: CoordinatorMessage) {
        switch message.body {
        case .refusal(let reason): end(.failed("the coordinator refused this worker: \(reason)"))
        case .shutdown(let reason):
            effects.append(.log("the coordinator ended the run: \(reason)"))
            end(nil)
        case .heartbeat: break
        case .welcome(let welcome): welcomed(welcome)
        case .chunk(let part, let index, let payload): chunk(part, index, payload)
        case .membership(let rank, let size): joined(message.generation, rank: rank, size: size)
        case .peers, .step, .evaluate, .digestRequest, .stateRequest, .abandon:
            // Older generations are stale; newer ones begin with a membership.
            guard message.generation == generation, generation > 0 else { return }
            inGeneration(message)
        }
    }

    private mutating func welcomed(_ welcome: Welcome) {
        guard self.welcome == nil else { return }
        do {
            let configuration = try JSONDecoder().decode(
                BertConfiguration.self, from: Data(welcome.modelConfiguration.utf8))
            let hyperparameters = try JSONDecoder().decode(
                Hyperparameters.self, from: Data(welcome.hyperparameters.utf8))
            try hyperparameters.validate()
            self.welcome = welcome
            heartbeatTimeout = welcome.heartbeatTimeout
            effects.append(.compute(.prepare(configuration, hyperparameters, welcome)))
        } catch {
            fail(.order, "joining", "the run's configuration cannot be used: \(error)")
            return
        }
        askForChunks()
    }

    private mutating func askForChunks() {
        guard let welcome else { return }
        let total = ChunkMap(floats: welcome.weightCount).count
        let count = min(Self.credit - (chunksAsked - chunksReceived), total - chunksAsked)
        // Half a window at a time: a request a chunk would be as many messages as chunks.
        guard count > 0, count >= Self.credit / 2 || chunksAsked + count == total else { return }
        send(.chunkRequest(chunksAsked..<(chunksAsked + count)))
        chunksAsked += count
    }

    private mutating func chunk(_ part: StatePart, _ index: Int, _ payload: Data) {
        // Over one connection, chunks come in the order in which they were asked for.
        guard let welcome, part == .weights, index == chunksReceived, index < chunksAsked,
            payload.count == (ChunkMap(floats: welcome.weightCount).range(index)?.count ?? 0) * 4
        else {
            fail(.order, "loading", "a chunk of weights came that was not asked for")
            return
        }
        chunksReceived += 1
        effects.append(.compute(.storeWeights(chunk: index, payload)))
        if chunksReceived == ChunkMap(floats: welcome.weightCount).count {
            effects.append(.compute(.verifyWeights(welcome.weightsSHA256)))
        } else {
            askForChunks()
        }
    }

    private mutating func joined(_ generation: UInt64, rank: Int, size: Int) {
        guard generation > self.generation else { return }
        self.generation = generation
        world = (rank, size)
        isConnected = false
        isReady = false
        hasFailed = false
        nextStep = appliedSteps
        effects.append(.abandon("generation \(generation) begins"))
        effects.append(.compute(.join(generation: generation, rank: rank, worldSize: size)))
    }

    private mutating func inGeneration(_ message: CoordinatorMessage) {
        switch message.body {
        case .peers(let endpoints):
            guard let world, endpoints.count == world.size else {
                fail(.order, "connecting", "\(endpoints.count) peers in a world of \(world?.size ?? 0)")
                return
            }
            effects.append(.compute(.connect(generation: generation, endpoints)))
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
            guard isReady else {
                fail(.order, "evaluation", "an order before this worker was ready")
                return
            }
            effects.append(.compute(.evaluate(id: id, batches)))
        case .digestRequest: effects.append(.compute(.digest))
        case .stateRequest(let part, let index):
            effects.append(.compute(.read(part, chunk: index, step: message.step)))
        case .abandon(let reason):
            hasFailed = true
            effects.append(.abandon(reason))
        default: break
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

    // MARK: results

    private mutating func finished(_ result: ComputeResult) {
        switch result {
        case .weightsVerified:
            isLoaded = true
            readyIfComplete()
        case .bound(let generation, let endpoint):
            if generation == self.generation { send(.bound(endpoint: endpoint)) }
        case .connected(let generation):
            guard generation == self.generation else { return }
            isConnected = true
            readyIfComplete()
        case .stepped(let generation, let step, let report):
            appliedSteps = step + 1
            if generation == self.generation { send(.stepReport(report), step: step) }
        case .evaluated(let id, let logits): send(.evaluationReport(id: id, logits: logits))
        case .digest(let digest): send(.digest(digest))
        case .chunk(let part, let index, let payload): send(.chunk(part, index: index, payload: payload))
        case .failed(let generation, let failure):
            guard generation == nil || generation == self.generation, !hasFailed else { return }
            hasFailed = true
            send(.failure(failure))
            effects.append(.abandon("a step failed"))
            if failure.kind == .fatal || failure.kind == .order {
                end(.failed("\(failure.phase): \(failure.message)"))
            }
        }
    }

    private mutating func readyIfComplete() {
        guard isLoaded, isConnected, !isReady else { return }
        isReady = true
        send(.ready)
    }

    private mutating func tick(_ now: Double) {
        if now - lastHeartbeat >= min(1, heartbeatTimeout / 4), welcome != nil || now - startedAt > 1 {
            lastHeartbeat = now
            send(.heartbeat(residentBytes: HostDescription.residentBytes()))
        }
        guard now - lastHeard > heartbeatTimeout else { return }
        end(
            .failed(
                welcome == nil
                    ? "no answer from the coordinator at \(options.coordinator) within \(heartbeatTimeout) s; "
                        + "is it running and reachable?"
                    : "the coordinator at \(options.coordinator) gave no sign of life for \(heartbeatTimeout) s"))
    }
}
