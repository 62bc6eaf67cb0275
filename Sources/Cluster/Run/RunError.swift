import Foundation
import Support

/// Why a run, or a worker, ended before its time.
public enum RunError: Error, Equatable, CustomStringConvertible {
    /// Ctrl-C, SIGTERM or SIGHUP; the state was saved in this folder, if there was one worth keeping.
    case interrupted(checkpoint: String?)
    /// The same while methods were compared: the trials that are done are kept in this folder.
    case interruptedComparison(trials: String)
    /// A worker is lost.
    case workerLost(String)
    /// A worker found no coordinator, or lost it for good; described in one line.
    case noCoordinator(String)
    /// Anything else, described in one line.
    case failed(String)

    /// One line for people.
    public var description: String {
        switch self {
        case .interrupted(let checkpoint?):
            "interrupted; the state is kept in \(checkpoint)\(Self.resuming(checkpoint))"
        case .interrupted(nil): "interrupted before there was anything to keep"
        case .interruptedComparison(let trials):
            "interrupted while methods were compared; the same command goes on with the trials that are done, in "
                + trials.printable(limit: 400)
        case .workerLost(let reason), .noCoordinator(let reason), .failed(let reason): reason
        }
    }

    /// The command that goes on from a checkpoint, to follow a clause; empty where the path is not one of a run
    /// directory.
    static func resuming(_ checkpoint: String) -> String {
        guard let end = checkpoint.range(of: "/checkpoints/", options: .backwards) else { return "" }
        return "; go on with `\(CommandName.line("resume", String(checkpoint[..<end.lowerBound])))`"
    }

    /// What the process should exit with: 130 after an interrupt, as shells have it; 75 (EX_TEMPFAIL of `sysexits.h`)
    /// where a worker has no coordinator, as trying again may help.
    public var exitCode: Int32 {
        switch self {
        case .interrupted, .interruptedComparison: 130
        case .noCoordinator: 75
        case .workerLost, .failed: 1
        }
    }
}
