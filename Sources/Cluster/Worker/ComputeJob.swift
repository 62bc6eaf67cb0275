import Collectives
import Foundation
import Modeling
import Training

/// A job of a worker's compute thread; jobs are done one after the other.
enum ComputeJob: Sendable {
    /// Make a replica, in place of another phase's.
    case prepare(ModelSpecification, Hyperparameters, Welcome)
    /// Forget the state; what is not stored from now on is zero.
    case beginLoad
    /// Put a chunk of the state in its place.
    case store(StatePart, chunk: Int, Data)
    /// All chunks are there: compare with the hashes that are known, and take it for the state after `step` steps.
    case finishLoad(generation: UInt64, step: UInt64, [PartToLoad])
    /// Take a place in a generation: bind the data socket.
    case join(generation: UInt64, rank: Int, worldSize: Int, keys: [CurvePublicKey])
    /// Connect to the peers of the generation.
    case connect(generation: UInt64, [String])
    case step(generation: UInt64, step: UInt64, StepOrder)
    case evaluate(generation: UInt64, id: UInt32, [PackedBatch])
    case digest(generation: UInt64)
    /// Copy the state, which must have this many steps behind it.
    case snapshot(generation: UInt64, step: UInt64, [StatePart])

    /// Whether it is pointless once the generation's work was given up.
    var isOfGeneration: Bool {
        switch self {
        case .step, .evaluate, .digest, .snapshot, .connect, .finishLoad: true
        case .prepare, .beginLoad, .store, .join: false
        }
    }
}

/// What came of a job.
enum ComputeResult: Sendable {
    /// The replica is there, and those before it are not.
    case prepared
    case loaded(generation: UInt64, step: UInt64)
    case bound(generation: UInt64, endpoint: String)
    case connected(generation: UInt64)
    case stepped(generation: UInt64, step: UInt64, StepReport)
    case evaluated(generation: UInt64, id: UInt32, [EvaluationPart])
    case digest(generation: UInt64, String)
    case snapshot(generation: UInt64, StateSnapshot)
    /// `generation` is that of the job; nil if it does not matter.
    case failed(generation: UInt64?, WorkerFailure)
}
