/// How a worker is started.
public struct WorkerOptions: Sendable {
    /// Where the coordinator listens.
    public var coordinator: String
    /// Compute threads.
    public var threads: Int
    /// The address that other workers reach this one at: `tcp://HOST:*`. Nil picks one next to the coordinator's, if that
    /// is on this machine.
    public var dataAddress: String?
    /// Its keys and the coordinator's; nil for none.
    public var keys: WorkerKeys?
    /// Allows a data address that other machines reach, without encryption.
    public var insecure: Bool
    /// The process that started it: when that is gone before the worker is welcome, it ends. Nil if nobody in particular
    /// did.
    public var parentPID: Int32?
    /// Seconds to wait for the coordinator's first answer.
    public var connectTimeout: Double
    /// Seconds to wait for a coordinator that fell silent to be started again; nil leaves it to the run.
    public var orphanTimeout: Double?
    /// A folder to write `worker-PID.json` to, a Chrome trace of where the time went; nil for none.
    public var profileFolder: String?

    /// A worker for the coordinator at `coordinator`.
    public init(
        coordinator: String, threads: Int = 1, dataAddress: String? = nil, keys: WorkerKeys? = nil,
        insecure: Bool = false,
        parentPID: Int32? = nil, connectTimeout: Double = 60, orphanTimeout: Double? = nil,
        profileFolder: String? = nil
    ) {
        self.coordinator = coordinator
        self.threads = threads
        self.dataAddress = dataAddress
        self.keys = keys
        self.insecure = insecure
        self.parentPID = parentPID
        self.connectTimeout = connectTimeout
        self.orphanTimeout = orphanTimeout
        self.profileFolder = profileFolder
    }
}
