import Foundation

/// Failures that come again: what fails in the same way at the same step will not get better by being tried again.
struct RepeatedFailures: Sendable {
    private var step = -1
    /// By message and place: the processes that failed so.
    private var processes: [String: [Int: Set<Int>]] = [:]

    /// Notes what the process of a worker failed with when so many steps were done; true if another one in the same
    /// place failed alike at the same step.
    mutating func add(_ message: String, process: Int, worker place: Int, at step: Int) -> Bool {
        if step != self.step {
            processes.removeAll()
            self.step = step
        }
        let text = message.replacing("\(process)", with: "PID")
        guard processes[text] != nil || processes.count < 256 else { return false }
        processes[text, default: [:]][place, default: []].insert(process)
        return (processes[text]?[place]?.count ?? 0) > 1
    }
}

/// What happens when a worker says that it cannot go on.
extension CoordinatorMachine {
    mutating func workerFailed(
        _ index: Int, _ failure: WorkerFailure, in generation: UInt64, applied: Int, _ now: Double
    ) {
        let member = members[index]
        switch failure.kind {
        case .fatal, .order:
            guard needsWorkers else { return }
            let text = "\(member.name) failed \(activity): \(failure.message)"
            if settings.local, !hasBegun, !settings.isResumed {
                // Before anything has worked, the next one would fail as well.
                end(.failure(.workerLost(text)))
                return
            }
            let isRepeated = failures.add(
                failure.message, process: member.worker.pid, worker: member.number, at: progress.completed)
            if isRepeated, settings.local {
                endRepeated(text)
                return
            }
            lose(member.peer, why: "failed (\(failure.message))", now)
            // Elsewhere, anyone may claim anything: it decides only where no worker is left that could know better.
            if isRepeated, needsWorkers, members.isEmpty, waiting.isEmpty { endRepeated(text) }
        case .nonFinite: notFinite(index, failure, in: generation, applied: applied, now)
        case .peer:
            if case .failing(var failing) = phase {
                failing.reported.insert(member.peer)
                phase = .failing(failing)
                endIfAllReported(failing, now)
                return
            }
            guard generation == self.generation, needsWorkers, !settled else { return }
            if case .connecting = phase, let problem = Reach(failure.phase) {
                missed(member, problem, failure.peers, now)
                return
            }
            suspect(member, failure, now)
        }
    }

    /// Whether no generation is at work: nobody can be missed.
    var settled: Bool {
        switch phase {
        case .gathering, .awaitingCheckpoint, .restoring, .saving, .ended: true
        default: false
        }
    }

    /// Ends the run: a second worker has failed as one before it.
    mutating func endRepeated(_ text: String) {
        endKept(.failed("\(text); another worker failed in the same way at this step before"))
    }

    /// Whether an exit is of a kind that will come again, where it comes with the same words: not one by a signal that
    /// people and systems send.
    static func isOwnFailure(_ why: String, bySignal: Bool) -> Bool {
        // Without words nothing can be said of it; and those that were sent away, or have heard nothing from here, have
        // not failed by themselves.
        guard why.contains("saying"), !why.contains("the coordinator") else { return false }
        guard bySignal else { return !why.hasPrefix("exited with code 0") }
        let ownSignals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]
        return ownSignals.contains { why.contains("signal \($0) ") }
    }
}
