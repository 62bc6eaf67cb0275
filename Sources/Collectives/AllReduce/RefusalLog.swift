import Support
import Synchronization

/// Counts the messages and connections that were refused, and logs each peer and reason once. For any thread.
final class RefusalLog: Sendable {
    private let counter = Atomic<Int>(0)
    private let lines = LogDeduplicator()
    private let log: (@Sendable (String) -> Void)?

    /// Nothing was refused; `log` is called with the lines.
    init(log: (@Sendable (String) -> Void)?) { self.log = log }

    /// The number refused so far.
    var count: Int { counter.load(ordering: .relaxed) }

    /// Counts one, and logs `line` if it is new; `nil`: without a line.
    func record(_ line: String?) {
        counter.add(1, ordering: .relaxed)
        if let line, lines.shouldLog(line) { log?(line) }
    }

    /// Logs a line that is about no message.
    func note(_ line: String) { log?(line) }
}
