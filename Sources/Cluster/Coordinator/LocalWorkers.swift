import Foundation
import Subprocess
import Support
import Synchronization
import SystemPackage

/// The workers that a run starts itself, as child processes.
final class LocalWorkers: Sendable {
    /// What happens to them.
    enum Event: Sendable {
        case started(number: Int, pid: Int)
        case exited(number: Int, pid: Int, why: String, bySignal: Bool)
        /// It wrote this line to its standard error.
        case wrote(number: Int, line: String)
    }

    private struct State {
        /// By number, those that run.
        var pids: [Int: pid_t] = [:]
        var tasks: [Task<Void, Never>] = []
        var isEnding = false
    }

    private let command: [String]
    private let arguments: @Sendable (Int) -> [String]
    private let report: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - command: The program and its first arguments; empty for this executable as a worker.
    ///   - arguments: What is added to it, by the worker's number.
    ///   - report: Called with what happens.
    init(
        command: [String], arguments: @escaping @Sendable (Int) -> [String], report: @escaping @Sendable (Event) -> Void
    ) {
        self.command = command.isEmpty ? [OwnExecutable.path, "worker"] : command
        self.arguments = arguments
        self.report = report
    }

    /// Starts worker `number`; what becomes of it is reported.
    func start(_ number: Int) {
        state.withLock { state in
            guard !state.isEnding else { return }
            state.tasks.append(Task { await run(number) })
        }
    }

    private func run(_ number: Int) async {
        var options = PlatformOptions()
        // A group of its own: Ctrl-C at the terminal is for the coordinator, which ends the workers in good order.
        options.processGroupID = 0
        let lastLine = Mutex(LastErrorLine())
        do {
            let result = try await Subprocess.run(
                .path(FilePath(command[0])), arguments: Arguments(command.dropFirst() + arguments(number)),
                platformOptions: options, input: .none, output: .discarded, error: .sequence
            ) { execution in
                let pid = execution.processIdentifier.value
                let isEnding = state.withLock {
                    $0.pids[number] = pid
                    return $0.isEnding
                }
                if isEnding { Glibc.kill(pid, SIGKILL) }
                report(.started(number: number, pid: Int(pid)))
                do {
                    for try await line in execution.standardError.strings() where !line.isEmpty {
                        lastLine.withLock { $0.append(line) }
                        report(.wrote(number: number, line: line))
                    }
                } catch {
                    // A line is too long: its standard error is not read any more, the worker goes on.
                }
            }
            state.withLock { $0.pids[number] = nil }
            var bySignal = false
            if case .signaled = result.terminationStatus { bySignal = true }
            report(
                .exited(
                    number: number, pid: Int(result.processIdentifier.value),
                    why: Self.describe(result.terminationStatus, lastLine: lastLine.withLock { $0.line }),
                    bySignal: bySignal))
        } catch {
            let pid = state.withLock { $0.pids.removeValue(forKey: number) } ?? 0
            let hint = Self.limits(error)
            report(
                .exited(
                    number: number, pid: Int(pid), why: "could not be started: \(command[0]): \(error)\(hint)",
                    bySignal: false))
        }
    }

    /// What to raise, where the system refused a process or a pipe.
    private static func limits(_ error: any Error) -> String {
        guard let code = (error as? SubprocessError)?.underlyingError?.rawValue else { return "" }
        let hint = ProcessLimits.hint(for: code)
        return hint.isEmpty ? "" : "; \(hint)"
    }

    private static func describe(_ status: TerminationStatus, lastLine: String) -> String {
        let words = lastLine.isEmpty ? "" : ", saying \"\(lastLine.printable(limit: 300))\","
        switch status {
        case .exited(let code): return "exited with code \(code)\(words)"
        case .signaled(let signal):
            let name = strsignal(signal).map { String(cString: $0) } ?? "unknown"
            return "was killed by signal \(signal) (\(name))\(words)"
        }
    }

    /// What to quote of a worker that died: the first line about an error, else the last one.
    private struct LastErrorLine {
        private(set) var line = ""
        private var isError = false

        mutating func append(_ line: String) {
            guard !isError else { return }
            isError = line.lowercased().contains("error")
            self.line = line
        }
    }

    /// Kills one of them.
    func kill(_ number: Int) {
        if let pid = state.withLock({ $0.pids[number] }) { Glibc.kill(pid, SIGKILL) }
    }

    /// Kills all that run, at once.
    func killAll() {
        let pids = state.withLock {
            $0.isEnding = true
            return Array($0.pids.values)
        }
        for pid in pids { Glibc.kill(pid, SIGKILL) }
    }

    /// Waits until all have ended; kills those that have not after `seconds`.
    func finish(within seconds: Double) async {
        let tasks = state.withLock { $0.tasks }
        let killer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            if !Task.isCancelled { killAll() }
        }
        for task in tasks { await task.value }
        killer.cancel()
    }
}
