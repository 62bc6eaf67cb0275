/// What other threads hand to the coordinator's.
enum LoopInput: Sendable {
    case event(CoordinatorEvent)
    case loadedRun(LoadedRun)
    case loadingFailed(any Error)
    case warning(String)
    case loaded(StateReader.Found)
    case loadedBest(StateReader.Found)
    case solved(StateSource, FewShotSolution)
    case workerWrote(String, line: String)
}
