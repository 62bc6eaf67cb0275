import Checkpoint
import Foundation
import Training
import Transformer

/// What the compute thread of a worker is told to do; done one after the other.
enum ComputeJob: Sendable {
    /// Make a replica.
    case prepare(BertConfiguration, Hyperparameters, Welcome)
    /// Put a chunk of the initial weights in its place.
    case storeWeights(chunk: Int, Data)
    /// All chunks are there: compare with this SHA-256.
    case verifyWeights(String)
    /// Take a place in a generation: bind the data socket.
    case join(generation: UInt64, rank: Int, worldSize: Int)
    /// Connect to the peers of the generation.
    case connect(generation: UInt64, [String])
    case step(generation: UInt64, step: UInt64, StepOrder)
    case evaluate(id: UInt32, [PackedBatch])
    case digest
    /// Copy a chunk of the state, which must have this many steps behind it.
    case read(StatePart, chunk: Int, step: UInt64)

    /// Whether it is pointless once the step under way was given up.
    var isStep: Bool {
        if case .step = self { return true }
        return false
    }
}

/// What came of a job.
enum ComputeResult: Sendable {
    case weightsVerified
    case bound(generation: UInt64, endpoint: String)
    case connected(generation: UInt64)
    case stepped(generation: UInt64, step: UInt64, StepReport)
    case evaluated(id: UInt32, [Float])
    case digest(String)
    case chunk(StatePart, index: Int, Data)
    /// `generation` is that of the step; nil if it does not matter.
    case failed(generation: UInt64?, WorkerFailure)
}
