import Synchronization

/// Suppresses repeated log lines, and all after the 256th distinct one: a log that unauthenticated peers can write to
/// must not grow without limit.
public final class LogDeduplicator: Sendable {
    private static let limit = 256
    private let lines = Mutex<Set<String>>([])

    /// Nothing was logged yet.
    public init() {}

    /// Whether `line` was not logged yet, and there is room for it; it counts as logged then.
    public func shouldLog(_ line: String) -> Bool {
        lines.withLock { $0.count < Self.limit && $0.insert(line).inserted }
    }
}
