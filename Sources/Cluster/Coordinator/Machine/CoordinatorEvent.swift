import Modeling

/// What happens to the coordinator.
enum CoordinatorEvent: Sendable {
    case runLoaded(RunPlan)
    case loadingFailed(RunError)
    case message(PeerID, WorkerMessage)
    /// Bytes that are not a message came from there.
    case rejected(PeerID, ProtocolError)
    /// The key of this worker was revoked.
    case revoked(PeerID)
    case childStarted(number: Int, pid: Int)
    /// `why` follows a name: "was killed by signal 9 (SIGKILL)"; `bySignal` distinguishes that from an exit of its own.
    case childExited(number: Int, pid: Int, why: String, bySignal: Bool)
    /// Ctrl-C or SIGTERM.
    case interrupt
    /// Micro-batches that ``CoordinatorEffect/prefetch(_:)`` asked for.
    case prefetched(PrefetchedBatches)
    /// The outputs that the lookup of this number has found, by micro-batch.
    case foundOutputs(UInt32, [Int: EvaluationPart])
    /// The state to begin with was read again from disk.
    case sourceLoaded(StateSource)
    case sourceFailed(String)
    /// The head of the next phase was computed: the state with which that begins, and what was found with it.
    case solved(StateSource, [EvaluationKind: MetricReport], seconds: Double)
    /// The best checkpoint was read.
    case bestLoaded(StateSource)
    /// The model was written; its weights have this SHA-256.
    case modelSaved(path: String, sha256: String)
    case checkpointSaved(path: String)
    case saveFailed(String)
    case tick
}
