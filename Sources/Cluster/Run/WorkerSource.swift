/// Where a run gets its workers from.
public enum WorkerSource: Sendable, Equatable {
    /// It starts them itself, as child processes on this machine. `command` is the program with its first arguments, to
    /// which `--coordinator …` and more are added; empty means this executable and `worker`.
    case local(command: [String] = [])
    /// They are started by hand, or by a cluster's scheduler, and connect to this endpoint (`tcp://127.0.0.1:5555`,
    /// `tcp://127.0.0.1:*`, `ipc:///run/user/1000/shoal`).
    ///
    /// Once the coordinator listens, its port is written to `portFile`, if one is given: for scripts that let it
    /// choose.
    case external(bind: String, portFile: String? = nil)
}
