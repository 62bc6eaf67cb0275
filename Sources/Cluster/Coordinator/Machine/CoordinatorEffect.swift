import Foundation
import Modeling

/// What the coordinator shall do.
enum CoordinatorEffect: Sendable {
    case send(PeerID, CoordinatorMessage)
    /// Answer a request for the status, unless there are too many.
    case sendStatus(PeerID)
    /// Send these chunks of the state that the run begins with, in this generation.
    case sendSource(PeerID, StatePart, Range<Int>, generation: UInt64)
    case emit(RunEvent)
    /// Warn about a sender, once.
    case logSender(PeerID, String)
    /// Tokenize and pack these in the background; ``CoordinatorEvent/prefetched(_:)`` brings them.
    case prefetch(BatchRequest)
    /// Data is there and workers too: write `run.yaml` and open `metrics.jsonl`.
    case openRunDirectory
    /// Take from `metrics.jsonl` what lies beyond this step, where a phase may begin.
    case rewindMetrics(step: Int, isPhaseBeginning: Bool = false)
    /// Read the newest whole checkpoint, or else what the run began with. The checkpoint of the end of a phase is read
    /// as the state that the next phase begins with.
    case loadSource
    /// Look for outputs that are to be collected; ``CoordinatorEvent/foundOutputs(_:_:)`` brings them.
    case lookUpOutputs(OutputLookup)
    /// Keep outputs for runs to come.
    case keepOutputs(CollectedBatches)
    /// Compute the head of the next phase from these outputs; ``CoordinatorEvent/solved(_:_:seconds:)`` brings the
    /// state with which it begins.
    case solve(EvaluationPart)
    /// Read the checkpoint of this step, whose weights become the model.
    case loadBest(step: Int)
    /// The workers have the state now: it need not be kept here.
    case releaseSource
    /// Start a worker again.
    case startWorker(Int)
    /// End a worker that hangs.
    case killWorker(Int)
    /// A state is going to be fetched.
    case beginStore
    /// Keep a part of the state that is being fetched.
    case storeChunk(StatePart, index: Int, payload: Data)
    case saveCheckpoint(TrainingState)
    /// Write `model/` from the fetched weights.
    case saveModel
    /// Shut the remaining workers down, and end.
    case end(RunOutcome)
}

/// How a run ended.
enum RunOutcome: Sendable, Equatable {
    case success(RunResult)
    case failure(RunError)
}

/// What a checkpoint keeps besides the vectors.
struct TrainingState: Sendable, Equatable {
    var step: Int
    /// The phase that it is a state of, from 0, and the steps of that phase behind it.
    var phase = 0
    var appliedSteps: Int
    var epoch: Int
    var schedule: [String: Double]
    var metrics: [String: Double]
}
