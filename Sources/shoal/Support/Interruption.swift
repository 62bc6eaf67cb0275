import Cluster
import UnixSignals

/// Commands that may be ended by a signal while programs that they have started run.
enum Interruption {
    /// Runs `work`; SIGINT, SIGTERM and SIGHUP cancel it, which ends those programs.
    ///
    /// - Throws: ``RunError/interrupted(checkpoint:)`` then.
    static func ending(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        let task = Task { try await work() }
        let watcher = Task {
            for await _ in signals { task.cancel() }
        }
        defer { watcher.cancel() }
        do {
            try await task.value
        } catch {
            throw task.isCancelled ? RunError.interrupted(checkpoint: nil) : error
        }
    }
}
