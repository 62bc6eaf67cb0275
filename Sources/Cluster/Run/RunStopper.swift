import Checkpoint
import Foundation
import Support

/// Ends a run of this machine as Ctrl-C does: the steps under way are finished, the state is kept.
public enum RunStopper {
    private static let pollSeconds = 0.1
    /// Seconds that a process gets to be gone once it has let go of its run directory.
    private static let partingSeconds = 5.0

    /// Ends the run in `folder`, and waits for its end.
    ///
    /// The coordinator is the process that holds the lock of the folder, so that no other process can be hit, whatever
    /// number a file holds. A run that is ending already is waited for.
    ///
    /// - Parameters:
    ///   - folder: The run directory.
    ///   - timeout: Seconds to wait.
    ///   - note: Called with a line for people when the waiting begins.
    /// - Returns: What has become of the run, on one line, with the command that goes on with it.
    /// - Throws: ``RunError`` where the folder is no run, the run is another machine's or another user's, or it has not
    ///   ended in time.
    public static func stop(
        _ folder: String, timeout: Double, note: (String) -> Void
    ) async throws -> String {
        let path = RunDirectory.normal(folder)
        let shown = path.printable(limit: 1000)
        let state = RunState(of: path)
        guard case .training(let pid, let host, _, _) = state else {
            if let refusal = state.refusalAsRun(path) { throw RunError.failed(refusal) }
            return "\(shown) is not running: " + outcome(path, state)
        }
        let known = pid
        guard let pid = known.flatMap({ Int32(exactly: $0) }), LockHolder.holds(pid, lockOf: path) else {
            throw RunError.failed(elsewhere(shown, path, pid: known, host: host))
        }
        // A second signal would end it at once, without its state.
        let isEnding = ["stopping", "saving"].contains(try? StatusReader.read(runDirectory: path).status.phase)
        guard isEnding || kill(pid, SIGTERM) == 0 else {
            throw RunError.failed("\(shown): process \(pid) cannot be ended: \(String(cString: strerror(errno)))")
        }
        note("\(shown): process \(pid) ends after the steps under way, and keeps the state")
        let deadline = monotonicSeconds() + timeout
        while LockHolder.holds(pid, lockOf: path) {
            guard monotonicSeconds() < deadline else {
                throw RunError.failed(
                    "\(shown): process \(pid) has not ended within \(timeout) s; look at it with "
                        + "`\(CommandName.line("status", path))`, wait longer with --timeout, or end it at once, without "
                        + "its newest state: kill -KILL \(pid)")
            }
            try await Task.sleep(for: .seconds(pollSeconds))
        }
        let parting = monotonicSeconds() + partingSeconds
        while isThere(pid), monotonicSeconds() < parting { try await Task.sleep(for: .seconds(pollSeconds)) }
        return "\(shown) was stopped: " + outcome(path, RunState(of: path))
    }

    /// Ends the process of this user and machine that is at work in `folder`, whatever it has got to, so that the
    /// folder can be removed: by force where it has not ended within `seconds`.
    public static func end(_ folder: String, within seconds: Double) async throws {
        guard let pid = LockHolder.process(of: folder), kill(pid, SIGTERM) == 0 else { return }
        let deadline = monotonicSeconds() + seconds
        while LockHolder.holds(pid, lockOf: folder) {
            if monotonicSeconds() > deadline { kill(pid, SIGKILL) }
            try await Task.sleep(for: .seconds(pollSeconds))
        }
    }

    /// Ends the `train` processes of this user and machine whose run directory's path begins so, also those that have
    /// not made it yet: by force where they have not ended within `seconds`.
    public static func endAll(writingTo prefix: String, within seconds: Double) async throws {
        let processes = LocalProcess.own("train", argument: prefix)
        for pid in processes { kill(pid, SIGTERM) }
        let deadline = monotonicSeconds() + seconds
        while processes.contains(where: { LocalProcess.isOwn(Int($0), with: ["train"]) }) {
            if monotonicSeconds() > deadline { for pid in processes { kill(pid, SIGKILL) } }
            try await Task.sleep(for: .seconds(pollSeconds))
        }
    }

    private static func isThere(_ pid: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        // A zombie has ended, though its parent has not asked for its exit code.
        return stat.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    private static func elsewhere(_ shown: String, _ path: String, pid: Int?, host: String?) -> String {
        if let host, host != ProcessInfo.processInfo.hostName {
            return "\(shown) is trained on \(host.printable()): run `\(CommandName.line("stop", path))` there"
        }
        let process = pid.map { "process \($0)" } ?? "a process"
        return
            "\(shown) is locked by \(process) that this user cannot see or end; stop it as the user, and on the machine, "
            + "that has started it"
    }

    /// What there is of a run that has ended.
    private static func outcome(_ path: String, _ state: RunState) -> String {
        let shown = path.printable(limit: 1000)
        switch state {
        case .missing, .noRun: return "it ended before its first step, and nothing had to be kept"
        case .training: return "but another process goes on with it"
        case .complete(let steps): return "it is complete after \(plural(steps, "step")), its model is \(shown)/model"
        case .interrupted(let step, let total):
            let place = total > 0 ? "step \(step) of \(total)" : "step \(step)"
            // What is there counts, not what a status says, which may be lost, or that of the folder that was copied.
            let checkpoint = (try? CheckpointFolder.list(in: path))?.first?.path
            let kept = checkpoint.map { "the state is kept in \($0.printable(limit: 1000))" } ?? "no checkpoint is kept"
            return "it ended at \(place), \(kept); go on with `\(CommandName.line("resume", path))`"
        }
    }
}
