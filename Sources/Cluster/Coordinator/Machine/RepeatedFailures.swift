import Foundation

/// Failures that come again: what fails in the same way at the same step will not get better by being tried again.
struct RepeatedFailures: Sendable {
    /// Distinct messages that are counted at one step.
    private static let maxMessages = 256

    private var step = -1
    /// By message and worker number: the processes that failed so.
    private var processes: [String: [Int: Set<Int>]] = [:]

    /// Counts what the process of a worker failed with when so many steps were done; true if another process of the
    /// same number failed alike at the same step.
    mutating func add(_ message: String, process: Int, worker number: Int, at step: Int) -> Bool {
        if step != self.step {
            processes.removeAll()
            self.step = step
        }
        let text = message.replacing("\(process)", with: "PID")
        guard processes[text] != nil || processes.count < Self.maxMessages else { return false }
        processes[text, default: [:]][number, default: []].insert(process)
        return (processes[text]?[number]?.count ?? 0) > 1
    }

    /// Whether an exit is of a kind that will come again, where it comes with the same words: not one by a signal that
    /// people and systems send.
    static func isOwnFailure(_ why: String, bySignal: Bool) -> Bool {
        // Without words nothing can be said of it; and those that were refused, or have received nothing from here,
        // have not failed by themselves.
        guard why.contains("saying"), !why.contains("the coordinator") else { return false }
        guard bySignal else { return !why.hasPrefix("exited with code 0") }
        let ownSignals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]
        return ownSignals.contains { why.contains("signal \($0) ") }
    }
}
