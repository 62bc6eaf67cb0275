import Synchronization

/// What was told already, so that a log that strangers can write to does not grow without end.
public final class ToldOnce: Sendable {
    /// The different lines that are told at most.
    private static let limit = 256
    private let lines = Mutex<Set<String>>([])

    /// Nothing was told yet.
    public init() {}

    /// Whether `line` was not told yet, and there is room for it.
    public func isNew(_ line: String) -> Bool {
        lines.withLock { $0.count < Self.limit && $0.insert(line).inserted }
    }
}
