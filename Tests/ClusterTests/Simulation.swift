import Checkpoint
import Collections
import Foundation
import Numerics
import Testing
import Training
import Transformer

@testable import Cluster

/// Examples out of thin air.
struct FakeExamples: ExampleSource {
    var count: Int
    func text(_ index: Int) -> TokenizedText {
        let length = 2 + index % 5
        return TokenizedText(
            tokenIDs: (0..<length).map { Int32(($0 * 7 + index) % 50) }, typeIDs: [Int32](repeating: 0, count: length))
    }
    func label(_ index: Int) -> Int32? { Int32(index % 3) }
}

/// A coordinator and workers without sockets, processes and arithmetic: their two state machines, with queues between
/// them that keep the order of each connection and are otherwise served in a random, replayable order.
final class Simulation {
    static let weightCount = ControlLimits.chunkFloats + 100

    var coordinator: CoordinatorMachine
    var workers: [WorkerMachine?]
    var now = 0.0
    /// What each worker's compute thread still has to do.
    var jobs: [Deque<ComputeJob>]
    var toCoordinator: [Deque<WorkerMessage>]
    var toWorker: [Deque<CoordinatorMessage>]
    var outcome: CoordinatorMachine.Outcome?
    var workerErrors: [RunError?]
    var steps: [StepMetrics] = []
    var evaluations: [EvaluationRecord] = []
    var orders: [Int: [Int: StepOrder]] = [:]
    var stored: Set<[Int]> = []
    var events: [RunEvent] = []
    var senderWarnings: [String] = []
    /// Changes the result of a job; nil swallows it.
    var disturb: (Int, ComputeJob, ComputeResult) -> ComputeResult? = { $2 }
    /// Sees the coordinator's phase before every delivery.
    var beforeDelivery: (Simulation) -> Void = { _ in }
    private var random: PhiloxStream

    init(
        workers count: Int, samples: Int = 20, batch: Int = 8, microBatches: Int = 4, totalSteps: Int = 5,
        validation: Int? = nil, test: Int? = 7, schedule: ScheduleKind = .linear, seed: UInt64 = 1, local: Bool = true
    ) throws {
        random = PhiloxStream(seed: seed, purpose: .shuffle)
        var settings = CoordinatorMachine.Settings(workers: count, local: local)
        settings.joinTimeout = 60
        coordinator = CoordinatorMachine(settings, now: 0)
        workers = (0..<count).map {
            WorkerMachine(
                WorkerDescription(host: "h", pid: 100 + $0, threads: 1 + $0 % 2, cpu: "c", instructionSet: "AVX2"),
                options: WorkerOptions(coordinator: "ipc:///x"), now: 0)
        }
        jobs = Array(repeating: [], count: count)
        toCoordinator = Array(repeating: [], count: count)
        toWorker = Array(repeating: [], count: count)
        workerErrors = Array(repeating: nil, count: count)
        var model = BertConfiguration()
        model.labels = ["a", "b", "c"]
        let plan = DataPlan(sampleCount: samples, batchSize: batch, microBatches: microBatches, seed: 3)
        let preparation = Preparation(
            welcome: Welcome(
                modelConfiguration: String(decoding: try JSONEncoder().encode(model), as: UTF8.self),
                hyperparameters: String(decoding: try JSONEncoder().encode(Hyperparameters()), as: UTF8.self), seed: 1,
                weightCount: Self.weightCount, weightsSHA256: Samples.digest, heartbeatTimeout: 5),
            labels: model.labels, parameters: 5, training: FakeExamples(count: samples),
            validation: validation.map { FakeExamples(count: $0) }, test: test.map { FakeExamples(count: $0) },
            plan: plan, totalSteps: totalSteps,
            schedule: LearningRateSchedule(ScheduleSettings(kind: schedule, learningRate: 1), totalSteps: totalSteps),
            stateParts: [.weights, .firstMoment], evaluationBatch: 2)
        if local { for number in 0..<count { coordinate(.childStarted(number: number, pid: 100 + number)) } }
        for number in 0..<count {
            guard var worker = workers[number] else { continue }
            perform(worker.start(), of: number)
            workers[number] = worker
        }
        coordinate(.prepared(preparation))
    }

    func peer(_ number: Int) -> PeerID { PeerID(bytes: [1, UInt8(number)]) }

    func coordinate(_ event: CoordinatorMachine.Event) {
        for effect in coordinator.handle(event, now: now) {
            switch effect {
            case .send(let peer, let message):
                let number = Int(peer.bytes[1])
                guard number < toWorker.count else { continue }
                if case .step(let order) = message.body { orders[Int(message.step), default: [:]][number] = order }
                toWorker[number].append(message)
            case .sendWeights(let peer, let chunks):
                for chunk in chunks {
                    let bytes = (ChunkMap(floats: Self.weightCount).range(chunk)?.count ?? 0) * 4
                    toWorker[Int(peer.bytes[1])].append(
                        CoordinatorMessage(
                            generation: 0, step: 0, body: .chunk(.weights, index: chunk, payload: Data(count: bytes))))
                }
            case .emit(let event):
                events.append(event)
                if case .step(let metrics) = event { steps.append(metrics) }
                if case .evaluation(let record) = event { evaluations.append(record) }
            case .logSender(_, let text): senderWarnings.append(text)
            case .openRunDirectory: break
            case .storeChunk(let part, let index, _): stored.insert([part.rawValue, index])
            case .saveModel: coordinate(.modelSaved(path: "model", sha256: "f00"))
            case .saveCheckpoint(let state): coordinate(.checkpointSaved(path: "step-\(state.step)"))
            case .end(let end): outcome = end
            }
        }
    }

    func tell(_ number: Int, _ event: WorkerMachine.Event) {
        guard var worker = workers[number] else { return }
        let effects = worker.handle(event, now: now)
        workers[number] = worker
        perform(effects, of: number)
    }

    private func perform(_ effects: [WorkerMachine.Effect], of number: Int) {
        for effect in effects {
            switch effect {
            case .send(let message): toCoordinator[number].append(message)
            case .compute(let job): jobs[number].append(job)
            case .abandon: jobs[number].removeAll { $0.isStep }
            case .log: break
            case .end(let error): workerErrors[number] = error
            }
        }
    }

    /// A worker vanishes, with what it had sent.
    func kill(_ number: Int, tellingParent: Bool = true) {
        workers[number] = nil
        jobs[number] = []
        toCoordinator[number] = []
        toWorker[number] = []
        if tellingParent {
            coordinate(.childExited(number: number, pid: 100 + number, why: "was killed by signal 9 (Killed)"))
        }
    }

    /// Delivers one message or result, whichever the seed picks; false if there is none.
    func deliverOne() -> Bool {
        beforeDelivery(self)
        var choices: [() -> Void] = []
        for number in workers.indices {
            if !toCoordinator[number].isEmpty {
                choices.append { [self] in
                    coordinate(.message(peer(number), toCoordinator[number].removeFirst()))
                }
            }
            guard workers[number] != nil else { continue }
            if !toWorker[number].isEmpty {
                choices.append { [self] in tell(number, .message(toWorker[number].removeFirst())) }
            }
            if let job = jobs[number].first, canRun(job) {
                choices.append { [self] in
                    let job = jobs[number].removeFirst()
                    if let result = result(job, number).flatMap({ disturb(number, job, $0) }) {
                        tell(number, .result(result))
                    }
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
            for number in workers.indices { tell(number, .tick) }
        }
        return outcome != nil
    }

    /// An all-reduce needs everyone.
    private func canRun(_ job: ComputeJob) -> Bool {
        guard case .step = job else { return true }
        return workers.allSatisfy { $0 != nil }
    }

    private func result(_ job: ComputeJob, _ number: Int) -> ComputeResult? {
        switch job {
        case .prepare, .storeWeights: return nil
        case .verifyWeights: return .weightsVerified
        case .join(let generation, let rank, _): return .bound(generation: generation, endpoint: "ipc:///d\(rank)")
        case .connect(let generation, _): return .connected(generation: generation)
        case .step(let generation, let step, let order):
            return .stepped(
                generation: generation, step: step,
                StepReport(
                    lossSums: order.batches.map { Double($0.sequenceCount) }, gradientNorm: 2, computeSeconds: 0.1,
                    allreduceSeconds: 0, stepSeconds: 0.1, residentBytes: 1, bytesSent: 1))
        case .evaluate(let id, let batches):
            // Every example is taken for class 1.
            return .evaluated(
                id: id, batches.flatMap { batch in (0..<batch.sequenceCount).flatMap { _ in [0, 1, 0] } })
        case .digest: return .digest(Samples.digest)
        case .read(let part, let chunk, _):
            let bytes = (ChunkMap(floats: Self.weightCount).range(chunk)?.count ?? 0) * 4
            return .chunk(part, index: chunk, Data(count: bytes))
        }
    }

    /// The error that the run ended with.
    var error: String? {
        if case .failure(let error) = outcome { return error.description }
        return nil
    }
}
