import Collectives
import Foundation
import Modeling
import Numerics

/// A message from the coordinator to a worker.
struct CoordinatorMessage: Sendable, Equatable {
    /// The generation it belongs to; 0 before there is one.
    var generation: UInt64
    /// The step it is about.
    var step: UInt64
    var body: Body

    enum Body: Sendable, Equatable {
        /// Reject the connection; the string is the reason that is shown to the user.
        case refusal(String)
        case welcome(Welcome)
        /// Say hello (again): I do not know you.
        case helloRequest
        /// A chunk of the state.
        case chunk(StatePart, index: Int, payload: Data)
        /// Your place in the generation, and the keys of all ranks; none without keys.
        case membership(rank: Int, worldSize: Int, keys: [CurvePublicKey] = [])
        /// Where all ranks listen, in order, and what to load before the envelope's step can be the next one.
        case peers([String], load: [PartToLoad])
        case step(StepOrder)
        case evaluate(id: UInt32, batches: [PackedBatch])
        /// Hash your weights.
        case digestRequest
        /// Copy your state once it has exactly the envelope's steps behind it.
        case snapshotRequest([StatePart])
        /// Send me a chunk of the copy.
        case stateRequest(StatePart, index: Int)
        /// Forget the copy.
        case snapshotRelease
        /// Give up the step in flight and forget your orders.
        case abandon(String)
        /// The run is over, and why; `isComplete` is false where it was interrupted or has failed.
        case shutdown(String, isComplete: Bool = false)
        /// I am alive; with `wantsReply`: are you?
        case heartbeat(wantsReply: Bool)
        /// The answer to a request for the status: JSON.
        case status(String)
    }
}

/// What a worker needs to know before it can hold a replica: of the run, and of the phase under way.
struct Welcome: Sendable, Equatable {
    /// `ModelSpecification` as JSON.
    var modelSpecification: String
    /// `Hyperparameters` as JSON.
    var hyperparameters: String
    var seed: UInt64
    /// The lengths of the flat vector and of the moments of what is trained.
    var shape: StateShape
    /// The step of the run at which the phase begins.
    var firstStep: UInt64 = 0
    /// Seconds.
    var heartbeatTimeout: Double
    /// Seconds that a worker waits for a coordinator that fell silent to come back.
    var orphanTimeout: Double
    /// Names the run over all its coordinators.
    var runID: String
    /// In what gradients are sent.
    var wire = WirePrecision.float32
    var compressesWire = false
}

/// A vector that a worker must ask for.
struct PartToLoad: Sendable, Equatable {
    var part: StatePart
    /// Of its bytes; nil where it is unknown.
    var sha256: String?
}

/// What a rank does in a step.
struct StepOrder: Sendable, Equatable {
    var learningRate: Double
    /// The micro-batches of the whole step.
    var microBatchCount: Int
    /// Which of them each rank owns.
    var partition: [Range<Int>]
    /// What the summed gradient is divided by.
    var gradientDivisor: Double
    /// The distinct token ids of the whole step, ascending.
    var embeddingRows: [Int32]
    /// This rank's micro-batches.
    var batches: [PackedBatch]
}
