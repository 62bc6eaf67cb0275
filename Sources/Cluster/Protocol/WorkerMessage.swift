import Foundation

/// A message from a worker to the coordinator.
struct WorkerMessage: Sendable, Equatable {
    /// The generation it belongs to; 0 before there is one.
    var generation: UInt64
    /// The step it is about, or the steps applied.
    var step: UInt64
    var body: Body

    enum Body: Sendable, Equatable {
        /// I am here.
        case hello(WorkerDescription)
        /// Send me these chunks of the weights.
        case chunkRequest(Range<Int>)
        /// Peers reach me here.
        case bound(endpoint: String)
        /// I hold the weights and am connected to all peers.
        case ready
        case stepReport(StepReport)
        /// The logits of an order, row-major.
        case evaluationReport(id: UInt32, logits: [Float])
        /// The SHA-256 of my weights.
        case digest(String)
        case failure(WorkerFailure)
        /// I am alive, with so many bytes of resident memory.
        case heartbeat(residentBytes: UInt64)
        /// A part of my state.
        case chunk(StatePart, index: Int, payload: Data)
    }
}

/// What a worker says about itself.
struct WorkerDescription: Sendable, Equatable {
    var host: String
    var pid: Int
    var threads: Int
    var cpu: String
    var instructionSet: String
}

/// One of the flat vectors of a replica's state.
enum StatePart: Int, Sendable, CaseIterable, Codable {
    case weights = 1
    case firstMoment = 2
    case secondMoment = 3
}

/// What a worker measured in a step.
struct StepReport: Sendable, Equatable {
    /// The summed loss of each of its micro-batches.
    var lossSums: [Double]
    var gradientNorm: Double
    var computeSeconds: Double
    var allreduceSeconds: Double
    var stepSeconds: Double
    var residentBytes: UInt64
    var bytesSent: UInt64
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
    /// The ranks to blame, if any.
    var peers: [Int] = []
    /// The micro-batch, where it is known.
    var microBatch: Int?
}
