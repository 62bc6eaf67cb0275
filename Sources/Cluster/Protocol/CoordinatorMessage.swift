import Foundation
import Transformer

/// A message from the coordinator to a worker.
struct CoordinatorMessage: Sendable, Equatable {
    /// The generation it belongs to; 0 before there is one.
    var generation: UInt64
    /// The step it is about.
    var step: UInt64
    var body: Body

    enum Body: Sendable, Equatable {
        /// Go away, and tell why.
        case refusal(String)
        case welcome(Welcome)
        /// A chunk of the initial weights.
        case chunk(StatePart, index: Int, payload: Data)
        /// Your place in the generation.
        case membership(rank: Int, worldSize: Int)
        /// Where all ranks listen, in order.
        case peers([String])
        case step(StepOrder)
        case evaluate(id: UInt32, batches: [PackedBatch])
        /// Hash your weights.
        case digestRequest
        /// Send me a chunk of your state after exactly the envelope's steps.
        case stateRequest(StatePart, index: Int)
        /// Give up the step in flight and forget your orders.
        case abandon(String)
        /// The run is over.
        case shutdown(String)
        case heartbeat
    }
}

/// What a worker needs to know before it can hold a replica.
struct Welcome: Sendable, Equatable {
    /// `BertConfiguration` as JSON.
    var modelConfiguration: String
    /// `Hyperparameters` as JSON.
    var hyperparameters: String
    var seed: UInt64
    /// Floats of the flat vector.
    var weightCount: Int
    /// The SHA-256 of its bytes.
    var weightsSHA256: String
    /// Seconds.
    var heartbeatTimeout: Double
}

/// What a rank does in a step.
struct StepOrder: Sendable, Equatable {
    var learningRate: Double
    /// The micro-batches of the whole step.
    var leafCount: Int
    /// Which of them each rank owns.
    var partition: [Range<Int>]
    /// The samples of the whole step.
    var sampleCount: Int
    /// The distinct token ids of the whole step, ascending.
    var embeddingRows: [Int32]
    /// This rank's micro-batches.
    var batches: [PackedBatch]
}
