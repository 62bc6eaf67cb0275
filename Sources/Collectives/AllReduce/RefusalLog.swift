import Logging
import Support
import Synchronization

/// Counts the messages and connections that were refused, and logs each peer and reason once. For any thread.
final class RefusalLog: Sendable {
    private let counter = Atomic<Int>(0)
    private let lines = LogDeduplicator()
    private let logger: Logger

    /// Nothing was refused; the lines go to `logger`.
    init(_ logger: Logger) { self.logger = logger }

    /// The number refused so far.
    var count: Int { counter.load(ordering: .relaxed) }

    /// Counts one, and logs `line` if it is new; `nil`: without a line.
    func record(_ line: String?) {
        counter.add(1, ordering: .relaxed)
        if let line, lines.shouldLog(line) { logger.notice("\(line)") }
    }
}
