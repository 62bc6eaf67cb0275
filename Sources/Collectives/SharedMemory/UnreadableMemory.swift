import Synchronization

/// Processes of this machine whose memory could not be read although they live: what they send comes over sockets from
/// then on, in the next generations too.
public final class UnreadableMemory: Sendable {
    private static let capacity = 1024
    private let processes = Mutex<Set<UInt64>>([])

    /// None so far.
    public init() {}

    /// Whether `process` is one of them.
    func contains(_ process: UInt64) -> Bool { processes.withLock { $0.contains(process) } }

    /// Adds one.
    func add(_ process: UInt64) {
        processes.withLock {
            if $0.count >= Self.capacity { $0.removeAll() }
            $0.insert(process)
        }
    }
}
