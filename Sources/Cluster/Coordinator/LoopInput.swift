/// What other threads hand to the coordinator's.
enum LoopInput: Sendable {
    case event(CoordinatorEvent)
    case loadedRun(LoadedRun)
    case loadingFailed(any Error)
    case warning(String)
    case loaded(StateReader.Found)
    case loadedBest(StateReader.Found)
    /// What was computed from collected outputs, and which computation that was, from 1.
    case solved(StateSource, FewShotSolution, number: Int)
    case workerWrote(String, line: String)
}
