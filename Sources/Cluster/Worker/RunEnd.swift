/// How a run has ended for a worker that its coordinator has sent away.
public enum RunEnd: Sendable, Equatable {
    /// The run is complete.
    case complete
    /// The run was interrupted or has failed; it may be resumed.
    case incomplete
}
