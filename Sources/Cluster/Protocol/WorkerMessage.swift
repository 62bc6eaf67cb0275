import Collectives
import Foundation
import Modeling
import Training

/// A message from a worker to the coordinator.
struct WorkerMessage: Sendable, Equatable {
    /// The generation it belongs to; 0 before there is one.
    var generation: UInt64
    /// The step it is about, or the steps applied.
    var step: UInt64
    var body: Body

    enum Body: Sendable, Equatable {
        /// I am here; with a `runID` I have worked for that run, and may hold its state.
        case hello(WorkerDescription, runID: String, hasState: Bool)
        /// Send me these chunks of the state.
        case chunkRequest(StatePart, Range<Int>)
        /// Peers reach me here; `records` are of the last steps that I applied, ascending.
        case bound(endpoint: String, hasState: Bool, records: [StepRecord])
        /// I hold the state and am connected to all peers.
        case ready
        case stepReport(StepReport)
        /// What was found of each micro-batch of an order.
        case evaluationReport(id: UInt32, [MicroBatchMetrics])
        /// The SHA-256 of my weights.
        case digest(String)
        case failure(WorkerFailure)
        /// I am alive, with so many bytes of resident memory.
        case heartbeat(residentBytes: UInt64)
        /// The state after the envelope's steps is copied.
        case snapshotTaken
        /// A part of the copy.
        case chunk(StatePart, index: Int, payload: Data)
        /// How does the run go?
        case statusRequest
    }
}

/// What a worker says about itself.
struct WorkerDescription: Sendable, Equatable {
    var host: String
    var pid: Int
    var threads: Int
    var cpu: String
    var instructionSet: String
    /// The public key under which peers know it; nil without keys.
    var dataKey: CurvePublicKey?

    /// What decides the bits of products in `precision`: instructions for bfloat16 do not matter in float32.
    func products(in precision: Precision) -> String {
        guard precision == .float32, let end = instructionSet.range(of: " with ") else { return instructionSet }
        return String(instructionSet[..<end.lowerBound])
    }
}

/// One of the flat vectors of a replica's state.
enum StatePart: Int, Sendable, CaseIterable, Codable {
    case weights = 1
    case firstMoment = 2
    case secondMoment = 3
    /// Where the weights are a mean, those after the last step: `AveragedWeights`.
    case lastWeights = 4
}

/// The result of a step. All workers hold the same one, so any of them can report it.
struct StepRecord: Sendable, Equatable {
    /// From 0.
    var step: UInt64
    /// The summed loss of every micro-batch.
    var lossSums: [Double]
    var gradientNorm: Double
}

/// What a worker found of a micro-batch of an evaluation.
struct MicroBatchMetrics: Sendable, Equatable {
    /// The summed loss of each example.
    var losses: [Double]
    /// How many targets each example has; nil for 1 each.
    var targetCounts: [Int]?
    /// What the head counts; JSON, to be read by `EvaluationPart`.
    var metrics: String
}

extension MicroBatchMetrics {
    /// A part of an evaluation, to be sent.
    init(_ part: EvaluationPart) {
        self.init(
            losses: part.losses,
            targetCounts: part.targetCounts.allSatisfy { $0 == 1 } ? nil : part.targetCounts,
            metrics: part.metricsJSON())
    }
}

/// What a worker measured in a step.
struct StepReport: Sendable, Equatable {
    /// The summed loss of every micro-batch of the step, its own and the others'.
    var lossSums: [Double]
    var gradientNorm: Double
    var computeSeconds: Double
    var allreduceSeconds: Double
    var stepSeconds: Double
    var residentBytes: UInt64
    var bytesSent: UInt64
}

extension StepReport {
    /// The report of a step that went well.
    init(_ outcome: StepOutcome, residentBytes: UInt64) {
        self.init(
            lossSums: outcome.lossSums, gradientNorm: outcome.gradientNorm, computeSeconds: outcome.computeSeconds,
            allreduceSeconds: outcome.reductionSeconds, stepSeconds: outcome.seconds, residentBytes: residentBytes,
            bytesSent: UInt64(clamping: outcome.bytesSent))
    }
}

/// Why a worker cannot go on.
struct WorkerFailure: Sendable, Equatable {
    enum Kind: Int, Sendable {
        /// Something that no retry helps.
        case fatal = 1
        /// Loss or gradient not finite.
        case nonFinite = 2
        /// A peer did not answer, or does not fit.
        case peer = 3
        /// An order that cannot be carried out.
        case order = 4
    }

    var kind: Kind
    /// What it was doing.
    var phase: String
    var message: String
    /// The ranks that failed or do not answer, if known.
    var peers: [Int] = []
    /// The micro-batch, where it is known.
    var microBatch: Int?
}
