import Support

/// How a worker is started.
public struct WorkerOptions: Sendable {
    /// Where the coordinator listens.
    public var coordinator: String
    /// Compute threads.
    public var threads: Int
    /// The address, or the name, by which other workers reach this machine; nil: that of the interface toward the
    /// coordinator.
    public var address: String?
    /// The network interface at which other workers reach this machine, instead of an address.
    public var interface: String?
    /// The port, or the range of ports, to take for other workers: "5600-5699"; nil: any.
    public var ports: String?
    /// Whether workers on this machine may read each other's gradients in memory, where the system lets them.
    public var sharesMemory: Bool
    /// Its keys and the coordinator's; nil for none.
    public var keys: WorkerKeys?
    /// Allows a data address that other machines reach, without encryption.
    public var insecure: Bool
    /// The process that started it: when that is gone before the worker is welcome, it ends. Nil if no process in
    /// particular did.
    public var parentPID: Int32?
    /// The processors to run on: "0-3,8"; nil: all that the system allows.
    public var cpus: String?
    /// Seconds to wait for the coordinator's first answer.
    public var connectTimeout: Double
    /// Seconds to wait for a coordinator that fell silent to be started again; nil leaves it to the run.
    public var orphanTimeout: Double?
    /// A folder to write `worker-PID.json` to, a Chrome trace of where the time went; nil for none.
    public var profileFolder: String?

    /// The number of compute threads: `given`, or else one for each processor of `cpus`, or that this process may use.
    public static func threads(_ given: Int?, cpus: String?) -> Int {
        if let given { return given }
        let available = min(AvailableProcessors.count, ControlLimits.maxThreads)
        guard let cpus, let set = ProcessorSet(parsing: cpus) else { return available }
        return min(available, set.numbers.count)
    }

    /// A worker for the coordinator at `coordinator`.
    public init(
        coordinator: String, threads: Int = 1, address: String? = nil, interface: String? = nil,
        ports: String? = nil, sharesMemory: Bool = true, keys: WorkerKeys? = nil,
        insecure: Bool = false, parentPID: Int32? = nil, cpus: String? = nil, connectTimeout: Double = 60,
        orphanTimeout: Double? = nil,
        profileFolder: String? = nil
    ) {
        self.coordinator = coordinator
        self.threads = threads
        self.address = address
        self.interface = interface
        self.ports = ports
        self.sharesMemory = sharesMemory
        self.keys = keys
        self.insecure = insecure
        self.parentPID = parentPID
        self.cpus = cpus
        self.connectTimeout = connectTimeout
        self.orphanTimeout = orphanTimeout
        self.profileFolder = profileFolder
    }
}
