import DequeModule
import Foundation
import Inference
import Modeling
import Numerics
import Testing
import Tokenization
import Training

@testable import Cluster

/// Examples out of thin air.
struct FakeExamples: ExampleSource {
    var count: Int
    func encodings(_ index: Int) -> [Encoding] {
        let length = 2 + index % 5
        return [
            Encoding(
                inputIDs: (0..<length).map { Int32(($0 * 7 + index) % 50) },
                typeIDs: [Int32](repeating: 0, count: length))
        ]
    }
    func target(_ index: Int) -> Target { .classIndex(Int32(index % 3)) }
}

/// A coordinator and workers without sockets, processes and arithmetic: their state machines, with queues between them
/// that keep the order of each connection and are otherwise served in a random, replayable order. In place of weights
/// there is a number that every step changes, depending on the number before and on all that the step is made of: who
/// took another way has another number.
final class Simulation {
    /// What a run is made of.
    struct Shape: Sendable {
        var workers = 2
        var samples = 20
        var batch = 8
        var microBatches = 4
        var totalSteps = 5
        /// The step at which a second phase begins; nil for one phase.
        var secondPhase: Int?
        /// The texts of which a first phase without steps collects outputs; nil for no such phase.
        var collects: Int?
        /// Whether these are kept for a coordinator that is started again.
        var caches = false
        /// The instructions of the first workers' processors; those of others are the last one's.
        var instructionSets = ["AVX2"]
        var validation: Int?
        var test: Int? = 7
        var schedule = ScheduleKind.linear
        var local = true
        /// The step at which the validation loss is the lowest; nil where it never changes.
        var bestStep: Int?
        var weightCount = ControlLimits.chunkFloats + 100
        /// Half of the weights are trained.
        var state: StateShape { StateShape(weights: weightCount, moments: weightCount / 2) }
        var change: @Sendable (inout CoordinatorSettings) -> Void = { _ in }
    }

    /// What every worker computes on.
    struct Replica {
        var state: UInt64 = 0
        var applied: UInt64 = 0
        var joined: (generation: UInt64, rank: Int, size: Int)?
        var loading: UInt64 = 0
        /// The step at which its phase begins.
        var firstStep: UInt64 = 0
    }

    struct Reduction: Hashable {
        var generation: UInt64
        var step: UInt64
    }

    let shape: Shape
    var coordinator: CoordinatorMachine
    var isCoordinatorAlive = true
    var previousStarts = 0
    /// By previousStarts: a worker that is started again is another one.
    var workers: [WorkerMachine?] = []
    var now = 0.0
    var frozen: Set<Int> = []
    /// Workers whose compute threads do nothing, though they send heartbeats.
    var stuck: Set<Int> = []
    /// Seconds that the others wait for them in a step, and since when they do.
    var stepTimeout = 60.0
    var waits: [Reduction: Double] = [:]
    /// What each worker's compute thread still has to do.
    var jobs: [Deque<ComputeJob>] = []
    var toCoordinator: [Deque<WorkerMessage>] = []
    var toWorker: [Deque<CoordinatorMessage>] = []
    /// What is done in the background, and will be reported.
    var pending: Deque<CoordinatorEvent> = []
    /// What was written to disk, and will be reported unless that is held back.
    var written: Deque<CoordinatorEvent> = []
    var holdsDisk = false
    var outcome: RunOutcome?
    var workerErrors: [RunError?] = []
    var steps: [StepMetrics] = []
    var evaluations: [EvaluationRecord] = []
    /// metrics.jsonl.
    var log = MetricsLog()
    /// Checkpoints on disk, by step.
    var disk: [Int: (numbers: [StatePart: UInt64], state: TrainingState)] = [:]
    var finalState: UInt64?
    /// The orders of the steps as the workers got them, by step and previousStarts.
    var orders: [Int: [Int: StepOrder]] = [:]
    var stored: Set<[Int]> = []
    var events: [RunEvent] = []
    var senderWarnings: [String] = []
    /// What the coordinator refused workers for that have done nothing wrong, and what they complained of.
    var refusals: [String] = []
    var restarts = 0
    /// Pairs of workers, from and to, between which no connection comes about.
    var unreachable: Set<[Int]> = []
    /// Outputs that were kept, by micro-batch, and how many were computed in all.
    var cache: [Int: EvaluationPart] = [:]
    var keptBatches = 0
    /// Takes requests for micro-batches; nil packs them at once.
    var prefetch: ((BatchRequest) -> Void)?
    /// Changes what the coordinator decides; nil drops it.
    var alter: (CoordinatorEffect) -> CoordinatorEffect? = { $0 }
    /// Those that the coordinator has sent.
    var heartbeats = 0
    /// Changes the result of a job; nil swallows it.
    var disturb: (Int, ComputeJob, ComputeResult) -> ComputeResult? = { $2 }
    /// Sees the coordinator's phase before every delivery.
    var beforeDelivery: (Simulation) -> Void = { _ in }
    /// Whether the next checkpoint cannot be written.
    var isDiskFull = false
    var numbers: [Int] = []
    var replicas: [Replica] = []
    var stepOrders: [Reduction: [Int: StepOrder]] = [:]
    var reductions: [Reduction: (state: UInt64, losses: [Double])] = [:]
    /// The number after so many steps, by ``place(_:firstStep:)``: every worker that gets there must have it.
    var trajectory: [UInt64: UInt64] = [0: 1]
    var store: [StatePart: UInt64] = [:]
    var sourceNumbers: [StatePart: UInt64] = [:]
    var modelNumber: UInt64 = 0
    /// Whether the coordinator that lives has computed the head of the second phase.
    var isSolved = false
    /// Of the best checkpoint, where that was loaded.
    var bestNumber: UInt64?
    var wrongBits: [String] = []
    var random: PhiloxStream

    convenience init(
        workers count: Int, samples: Int = 20, batch: Int = 8, microBatches: Int = 4, totalSteps: Int = 5,
        validation: Int? = nil, test: Int? = 7, schedule: ScheduleKind = .linear, seed: UInt64 = 1, local: Bool = true,
        change: @escaping @Sendable (inout CoordinatorSettings) -> Void = { _ in }
    ) throws {
        try self.init(
            Shape(
                workers: count, samples: samples, batch: batch, microBatches: microBatches, totalSteps: totalSteps,
                validation: validation, test: test, schedule: schedule, local: local, change: change), seed: seed)
    }

    init(_ shape: Shape, seed: UInt64) throws {
        self.shape = shape
        random = PhiloxStream(seed: seed, purpose: .shuffle)
        coordinator = CoordinatorMachine(Self.settings(shape, previousStarts: 0), now: 0)
        for number in 0..<shape.workers { startWorker(number) }
        coordinate(.runLoaded(try runPlan()))
    }

    static func settings(_ shape: Shape, previousStarts: Int) -> CoordinatorSettings {
        var settings = CoordinatorSettings(workers: shape.workers, local: shape.local)
        settings.joinTimeout = 60
        settings.maxWorkers = shape.microBatches
        settings.isResumed = previousStarts > 0
        settings.previousStarts = previousStarts
        settings.cachesOutputs = shape.caches
        shape.change(&settings)
        return settings
    }

    /// Begins again, with a coordinator of this plan and the same workers, which have not greeted it yet.
    func restartWith(_ plan: RunPlan) {
        pending.removeAll()
        for index in workers.indices { toWorker[index].removeAll() }
        coordinator = CoordinatorMachine(Self.settings(shape, previousStarts: 0), now: now)
        for index in workers.indices { coordinate(.childStarted(number: index, pid: pid(index))) }
        coordinate(.runLoaded(plan))
    }

    func peer(_ index: Int) -> PeerID { PeerID(bytes: [1, UInt8(index % 256), UInt8(index / 256)]) }
    func pid(_ index: Int) -> Int { 100 + index }

    // MARK: the coordinator

    func coordinate(_ event: CoordinatorEvent) {
        guard isCoordinatorAlive else { return }
        for effect in coordinator.handle(event, now: now) { if let effect = alter(effect) { perform(effect) } }
    }

    private func perform(_ effect: CoordinatorEffect) {
        switch effect {
        case .send(let peer, let message):
            if case .heartbeat = message.body { heartbeats += 1 }
            deliver(message, to: peer)
        case .sendSource(let peer, let part, let chunks, let generation):
            for chunk in chunks {
                let body = CoordinatorMessage.Body.chunk(
                    part, index: chunk, payload: payload(sourceNumbers[part] ?? 0, part, chunk))
                deliver(CoordinatorMessage(generation: generation, step: 0, body: body), to: peer)
            }
        case .sendStatus: break
        case .prefetch(let request):
            if let prefetch {
                prefetch(request)
            } else if let phase = coordinator.training.phase {
                pending.append(.prefetched(BatchPrefetcher.pack(request, phase)))
            }
        case .emit(let event): note(event)
        case .logSender(_, let text): senderWarnings.append(text)
        case .openRunDirectory, .releaseSource: break
        case .rewindMetrics(let step, let isPhaseBeginning):
            log = MetricsLog(lines: log.upTo(step, isPhaseBeginning: isPhaseBeginning))
            steps.removeAll { $0.step > step }
            evaluations.removeAll { $0.step >= step + (isPhaseBeginning ? 1 : 0) }
        case .loadSource: if let source = try? newestSource() { pending.append(.sourceLoaded(source)) }
        case .lookUpOutputs(let request): pending.append(.foundOutputs(request.id, cache))
        case .keepOutputs(let batches):
            keptBatches += batches.parts.count
            for (number, part) in zip(batches.first..., batches.parts) { cache[number] = part }
        case .solve(let part):
            if part.losses.count != shape.collects { wrongBits.append("\(part.losses.count) outputs were collected") }
            isSolved = true
            modelNumber = 1
            if let source = try? newestSource() { pending.append(.solved(source, [:], seconds: 1)) }
        case .loadBest(let step):
            guard let checkpoint = disk[step] else {
                pending.append(.sourceFailed("there is no checkpoint of step \(step)"))
                return
            }
            sourceNumbers = checkpoint.numbers
            bestNumber = checkpoint.numbers[.weights]
            if let source = try? source(step, checkpoint) { pending.append(.bestLoaded(source)) }
        case .startWorker(let number):
            restarts += 1
            startWorker(number)
        case .killWorker(let number):
            if let index = numbers.lastIndex(of: number) { kill(index) }
        case .beginStore: store = [:]
        case .storeChunk(let part, let index, let payload):
            stored.insert([part.rawValue, index])
            store[part] = number(in: payload) ?? store[part]
        case .saveCheckpoint(let state):
            modelNumber = store[.weights] ?? 0
            if isDiskFull {
                isDiskFull = false
                pending.append(.saveFailed("no space left on device"))
                return
            }
            let place = Self.place(UInt64(state.step), firstStep: UInt64(state.step - state.appliedSteps))
            if trajectory[place] != store[.weights] || store[.firstMoment] != store[.weights].map({ ~$0 }) {
                wrongBits.append("the checkpoint of step \(state.step) has another state")
            }
            disk[state.step] = (store, state)
            written.append(.checkpointSaved(path: "step-\(state.step)"))
        case .saveModel:
            finalState = bestNumber ?? modelNumber
            pending.append(.modelSaved(path: "model", sha256: "f00"))
        case .end(let end): outcome = end
        }
    }

    private func note(_ event: RunEvent) {
        events.append(event)
        if case .step(let metrics) = event {
            steps.append(metrics)
            log = MetricsLog(
                lines: log.lines + [
                    .init(text: "", step: metrics.step, evaluation: nil, loss: metrics.loss, samples: metrics.samples)
                ])
        }
        if case .evaluation(let record) = event {
            evaluations.append(record)
            log = MetricsLog(
                lines: log.lines + [
                    .init(
                        text: "", step: record.step, evaluation: record.kind.rawValue, loss: record.metrics.loss,
                        samples: 0)
                ])
        }
    }

    private func deliver(_ message: CoordinatorMessage, to peer: PeerID) {
        let index = Int(peer.bytes[1]) + (peer.bytes.count > 2 ? 256 * Int(peer.bytes[2]) : 0)
        guard index < toWorker.count, workers[index] != nil else { return }
        if case .refusal(let reason) = message.body, !reason.contains("has all the") { refusals.append(reason) }
        toWorker[index].append(message)
    }

    /// A chunk of a vector that stands for a number.
    private func payload(_ number: UInt64, _ part: StatePart, _ chunk: Int) -> Data {
        var data = Data(count: (shape.state.chunks(part).range(chunk)?.count ?? 0) * 4)
        if chunk == 0 { withUnsafeBytes(of: number) { data.replaceSubrange(0..<8, with: $0) } }
        return data
    }

    /// The number in the first chunk; others are all zero.
    func number(in payload: Data) -> UInt64? {
        let bits = payload.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return bits == 0 ? nil : bits
    }

    // MARK: the course of things

    /// Delivers one message or result, whichever the seed picks; false if there is none.
    func deliverOne() -> Bool {
        beforeDelivery(self)
        var choices: [() -> Void] = []
        if isCoordinatorAlive, !pending.isEmpty {
            choices.append { [self] in coordinate(pending.removeFirst()) }
        }
        if isCoordinatorAlive, !holdsDisk, !written.isEmpty {
            choices.append { [self] in coordinate(written.removeFirst()) }
        }
        for index in workers.indices {
            if isCoordinatorAlive, !toCoordinator[index].isEmpty, !frozen.contains(index) {
                choices.append { [self] in coordinate(.message(peer(index), toCoordinator[index].removeFirst())) }
            }
            guard workers[index] != nil, !frozen.contains(index) else { continue }
            if !toWorker[index].isEmpty {
                choices.append { [self] in deliver(index, .message(toWorker[index].removeFirst())) }
            }
            if !stuck.contains(index), let job = jobs[index].first, let run = runner(job, index) {
                choices.append { [self] in
                    jobs[index].removeFirst()
                    let before = replicas[index]
                    let done = run()
                    let result = done.flatMap { disturb(index, job, $0) }
                    // What is made to fail, or swallowed, has changed nothing.
                    if case .failed = result { replicas[index] = before }
                    if done != nil, result == nil { replicas[index] = before }
                    if let result { deliver(index, .result(result)) }
                }
            }
        }
        guard !choices.isEmpty else { return false }
        choices[random.next(below: choices.count)]()
        return true
    }

    /// Runs until nothing moves any more, with time standing still.
    func settle() { while outcome == nil, deliverOne() {} }

    /// Runs to the end, letting time pass where nothing moves; false if it does not end within `seconds`.
    func run(seconds: Double = 100) -> Bool {
        let deadline = now + seconds
        while outcome == nil, now < deadline {
            settle()
            now += 0.5
            coordinate(.tick)
            for index in workers.indices where !frozen.contains(index) { deliver(index, .tick(residentBytes: 1)) }
        }
        return outcome != nil
    }

    /// What the coordinator is at.
    var phaseName: String {
        if case .working = coordinator.phase { return "\(coordinator.training.stage)" }
        return "\(coordinator.phase)".split(separator: "(").first.map { String($0) } ?? ""
    }

    /// The error that the run ended with.
    var error: String? {
        if case .failure(let error) = outcome { return error.description }
        return nil
    }

    /// Nil if the run gave the same as another one, else the first difference.
    func difference(from other: Simulation) -> String? {
        let (mine, others) = (outcomeOfTraining, other.outcomeOfTraining)
        if let at = zip(mine, others).enumerated().first(where: { $1.0 != $1.1 }) {
            return "line \(at.offset): \(at.element.0), not \(at.element.1)"
        }
        return mine.count == others.count ? nil : "\(mine.count) lines, not \(others.count)"
    }

    /// What the run must give, whatever happened to it.
    var outcomeOfTraining: [String] {
        log.lines.map { "\($0.step) \($0.evaluation ?? "step") \($0.loss) \($0.samples)" }
            + steps.map { "\($0.step) \($0.phase ?? 0) \($0.epoch) \($0.learningRate) \($0.tokens)" } + [
                "\(finalState ?? 0)"
            ]
    }
}
