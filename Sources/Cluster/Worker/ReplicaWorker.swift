import Collectives
import Foundation
import Logging
import Modeling
import Numerics
import Support
import Training

/// Carries out jobs on a replica; used by the compute thread alone.
final class ReplicaWorker {
    private let threads: Int
    private let dataAddress: DataAddress
    private let sharesMemory: Bool
    /// Under which peers know this worker; nil without keys.
    private let dataKeys: CurveKeyPair?
    private let registerReducer: (AllReducer?) -> Void
    /// Whether the step under way was given up.
    private let abandoned: AbandonedFlag
    private let report: @Sendable (ComputeResult) -> Void
    private let profile: Profile?
    /// Of the parts of a step; those of its micro-batches have recorders of their own.
    private let recorder: SpanRecorder?
    private var replica: ModelReplica?
    private var reducer: AllReducer?
    private var wire = WirePrecision.float32
    private var compressesWire = false
    private var heartbeatTimeout = 5.0
    private static let (stallSeconds, stallFactor, firstStallSeconds) = {
        let settings = CoordinatorSettings(workers: 1, local: true)
        return (settings.stallSeconds, settings.stallFactor, settings.firstStallSeconds)
    }()
    /// What the last step took, in any generation.
    private var lastStepSeconds: Double?
    /// Gets lines about what unauthenticated peers try at the data socket.
    private let logger: Logger
    /// Peers whose memory was found to be unreadable, in any generation.
    private let unreadable = UnreadableMemory()
    /// Steps of the replica with the generation's all-reduce.
    private var training: TrainingStep?
    /// Reads the replica's memory until that is about to change; nil once nothing is sent from it any more.
    private weak var snapshot: StateSnapshot?

    init(
        threads: Int, profile: Profile?, dataAddress: DataAddress, sharesMemory: Bool, dataKeys: CurveKeyPair?,
        abandoned: AbandonedFlag,
        registerReducer: @escaping (AllReducer?) -> Void, logger: Logger,
        report: @escaping @Sendable (ComputeResult) -> Void
    ) {
        self.logger = logger
        self.threads = threads
        self.profile = profile
        recorder = profile?.recorder("step")
        self.dataAddress = dataAddress
        self.sharesMemory = sharesMemory
        self.dataKeys = dataKeys
        self.abandoned = abandoned
        self.registerReducer = registerReducer
        self.report = report
    }

    func close() { setReducer(nil) }

    private func setReducer(_ new: AllReducer?) {
        reducer?.close()
        reducer = new
        training = nil
        registerReducer(new)
    }

    func perform(_ job: ComputeJob) {
        switch job {
        case .prepare(let model, let hyperparameters, let welcome):
            prepare(model, hyperparameters, welcome)
        case .join(let generation, let rank, let size, let keys):
            join(generation, rank: rank, size: size, keys: keys)
        default:
            if let replica { perform(job, on: replica) }
        }
    }

    private func perform(_ job: ComputeJob, on replica: ModelReplica) {
        switch job {
        case .prepare, .join: break
        case .beginLoad:
            snapshot?.detach()
            for part in StatePart.allCases { buffer(part, of: replica)?.clear() }
        case .store(let part, let chunk, let payload):
            snapshot?.detach()
            store(payload, part, chunk: chunk, in: replica)
        case .finishLoad(let generation, let step, let parts): finishLoad(replica, generation, step, parts)
        case .connect(let generation, let endpoints): connect(generation, endpoints)
        case .step(let generation, let step, let order): self.step(replica, generation, step, order)
        case .evaluate(let generation, let id, let batches): evaluate(replica, generation, id, batches)
        case .digest(let generation): report(.digest(generation: generation, digest(of: replica.weights)))
        case .snapshot(let generation, let step, let parts): snapshot(replica, generation, step, parts)
        }
    }

    private func fail(
        _ kind: WorkerFailure.Kind, _ phase: String, _ message: String, generation: UInt64? = nil, peers: [Int] = [],
        microBatch: Int? = nil
    ) {
        report(
            .failed(
                generation: generation,
                WorkerFailure(kind: kind, phase: phase, message: message, peers: peers, microBatch: microBatch)))
    }

    // MARK: joining

    private func prepare(_ model: ModelSpecification, _ hyperparameters: Hyperparameters, _ welcome: Welcome) {
        let shape = StateShape(ParameterLayout(model))
        let count = shape.weights
        guard shape == welcome.shape else {
            fail(
                .fatal, "joining",
                "the model has \(count) floats here, \(shape.moments) of them trained, and "
                    + "\(welcome.shape.weights) and \(welcome.shape.moments) at the coordinator")
            return
        }
        guard UInt64(clamping: count) * 4 <= ProcessInfo.processInfo.physicalMemory else {
            fail(
                .fatal, "joining",
                "the weights of the model have \(count >> 28) GiB, this machine's memory "
                    + "\(ProcessInfo.processInfo.physicalMemory >> 30) GiB")
            return
        }
        if let obstacle = hyperparameters.precision.unsupportedReason {
            fail(.fatal, "joining", obstacle)
            return
        }
        // That of the phase before, if there was one: there may be no memory for both.
        setReducer(nil)
        snapshot?.detach()
        replica = nil
        (wire, compressesWire) = (welcome.wire, welcome.compressesWire)
        heartbeatTimeout = welcome.heartbeatTimeout
        do {
            replica = try ModelReplica(
                model, hyperparameters: hyperparameters, seed: welcome.seed, threads: threads,
                firstStep: welcome.firstStep, profile: profile)
            report(.prepared)
        } catch {
            fail(.fatal, "joining", "\(error)")
        }
    }

    /// Nil for a part that the replica does not have.
    private func buffer(_ part: StatePart, of replica: ModelReplica) -> FloatBuffer? {
        switch part {
        case .weights: replica.weights
        case .firstMoment: replica.firstMoment
        case .secondMoment: replica.secondMoment
        case .lastWeights: replica.lastWeights
        }
    }

    private func store(_ payload: Data, _ part: StatePart, chunk: Int, in replica: ModelReplica) {
        guard let buffer = buffer(part, of: replica), let range = ChunkMap(floats: buffer.count).range(chunk),
            payload.count == range.count * 4
        else {
            fail(.order, "loading", "a chunk of the state of \(payload.count) bytes")
            return
        }
        payload.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(
                start: buffer.pointer + range.lowerBound, count: range.count * 4
            ).copyMemory(from: $0)
        }
    }

    private func finishLoad(_ replica: ModelReplica, _ generation: UInt64, _ step: UInt64, _ parts: [PartToLoad]) {
        for item in parts {
            guard let expected = item.sha256, let buffer = buffer(item.part, of: replica) else { continue }
            let found = digest(of: buffer)
            guard found == expected else {
                fail(
                    .fatal, "loading", "the state arrived with the SHA-256 \(found), not \(expected)",
                    generation: generation)
                return
            }
        }
        replica.restored(appliedSteps: step)
        report(.loaded(generation: generation, step: step))
    }

    private func join(_ generation: UInt64, rank: Int, size: Int, keys: [CurvePublicKey]) {
        setReducer(nil)
        abandoned.clear()
        do {
            var options = AllReduceOptions()
            // Whether a lost peer is dead or slow is for the coordinator to decide; it must be informed soon.
            options.timeouts.lostPeerGrace = 0.25
            // Long enough for a machine that is busy, short enough not to look like a hang.
            options.timeouts.connect = max(5, heartbeatTimeout)
            // Which rank causes a wait is for the coordinator to decide; see its settings of the same meaning.
            options.timeouts.step = Self.stallSeconds
            options.timeouts.stepFactor = Self.stallFactor
            options.timeouts.firstStep =
                lastStepSeconds.map { max(Self.stallSeconds, Self.stallFactor * $0) }
                ?? Self.firstStallSeconds
            options.logger = logger
            options.sharedMemory.unreadable = unreadable
            if let dataKeys, !keys.isEmpty { options.security = AllReduceSecurity(own: dataKeys, ranks: keys) }
            (options.wire, options.compresses, options.sharedMemory.isEnabled) = (wire, compressesWire, sharesMemory)
            let made = try AllReducer(
                rank: rank, worldSize: size, generation: generation, bind: endpoint(generation), options: options)
            setReducer(made)
            report(.bound(generation: generation, endpoint: dataAddress.advertised(made.endpoint)))
        } catch {
            fail(.fatal, "joining", "\(error)", generation: generation)
        }
    }

    /// Socket paths differ by generation: the one before may still be in use while it is closed.
    private func endpoint(_ generation: UInt64) -> String {
        dataAddress.bind.hasPrefix("ipc://") ? "\(dataAddress.bind)-\(generation)" : dataAddress.bind
    }

    private func connect(_ generation: UInt64, _ endpoints: [String]) {
        guard let reducer, reducer.generation == generation else { return }
        do {
            try reducer.connect(to: endpoints)
            report(.connected(generation: generation))
        } catch {
            var phase = AllReduceError.reaching
            if case .timeout(_, _, let what, _) = error { phase = what }
            fail(.peer, phase, "\(error)", generation: generation, peers: error.peerRanks)
        }
    }

    // MARK: steps

    private func step(_ replica: ModelReplica, _ generation: UInt64, _ step: UInt64, _ order: StepOrder) {
        guard let reducer, reducer.generation == generation, step == replica.appliedSteps else { return }
        let phase = "step \(step + 1)"
        let work = StepWork(
            step: step, microBatchCount: order.microBatchCount,
            firstMicroBatch: order.partition[reducer.rank].lowerBound, microBatches: order.batches,
            embeddingRows: order.embeddingRows, gradientDivisor: order.gradientDivisor)
        do {
            try work.validate(replica.specification)
            let training = self.training ?? TrainingStep(replica, reducer: reducer, recorder: recorder)
            self.training = training
            let outcome = try training.run(
                work, partition: order.partition, learningRate: order.learningRate,
                isAbandoned: { [abandoned] in abandoned.isSet }, willUpdate: { [weak snapshot] in snapshot?.detach() })
            lastStepSeconds = outcome.seconds
            report(
                .stepped(
                    generation: generation, step: step,
                    StepReport(outcome, residentBytes: HostDescription.residentBytes())))
        } catch let error as AllReduceError {
            setReducer(nil)
            if case .unreadableMemory = error { logger.notice("\(error)") }
            fail(.peer, phase, "\(error)", generation: generation, peers: error.peerRanks)
        } catch let error as PeerDataError {
            setReducer(nil)
            fail(.peer, phase, "\(error)", generation: generation, peers: [error.rank])
        } catch is CancellationError {
            // The abort was requested; nothing to report.
            setReducer(nil)
        } catch let error as NonFiniteError {
            setReducer(nil)
            var error = error
            // The sum is not finite: whose fault it is, each rank finds out about its own micro-batches.
            if error.microBatch == nil {
                error.microBatch = try? replica.firstNonFiniteMicroBatch(work)
            }
            let place = error.microBatch.map { "\(phase), micro-batch \($0 + 1)" } ?? phase
            fail(
                .nonFinite, phase,
                "the \(error.quantity.rawValue) is not finite at \(place); try a lower --learning-rate or --clip-norm",
                generation: generation, microBatch: error.microBatch)
        } catch {
            setReducer(nil)
            fail(.order, phase, "\(error)", generation: generation)
        }
    }

    // MARK: everything else

    private func evaluate(_ replica: ModelReplica, _ generation: UInt64, _ id: UInt32, _ batches: [PackedBatch]) {
        do {
            for batch in batches {
                try batch.validate(replica.specification)
                try replica.specification.objective.validate(batch.targets)
            }
        } catch {
            fail(.order, "evaluation", "\(error)", generation: generation)
            return
        }
        report(.evaluated(generation: generation, id: id, replica.evaluate(batches)))
    }

    private func snapshot(_ replica: ModelReplica, _ generation: UInt64, _ step: UInt64, _ parts: [StatePart]) {
        guard replica.appliedSteps == step else {
            // The step before failed, and that was reported.
            guard let reducer, reducer.generation == generation else { return }
            fail(
                .order, "saving",
                "the state after \(step) steps was asked for, this worker has \(replica.appliedSteps)",
                generation: generation)
            return
        }
        var buffers: [StatePart: FloatBuffer] = [:]
        for part in parts { buffers[part] = buffer(part, of: replica) }
        let made = StateSnapshot(step: step, buffers: buffers)
        snapshot?.detach()
        snapshot = made
        report(.snapshot(generation: generation, made))
    }
}
