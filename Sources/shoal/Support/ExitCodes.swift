import Foundation

/// What the process exits with; see `docs/exit-codes.md` for each in full.
enum ExitCodes {
    /// Each code with what it means.
    static let meanings: [(code: Int32, meaning: String)] = [
        (0, "done"),
        (1, "failed: the last line says why"),
        (2, "launch.sh alone: something that it needs is missing"),
        (64, "the command line or the --config file is wrong; nothing was begun"),
        (75, "worker alone: no coordinator, or the run was interrupted or has failed; trying again may help"),
        (130, "interrupted (Ctrl-C, SIGTERM, stop); the last line says what is kept"),
        (141, "no program reads the output any more"),
    ]

    /// A line for each code.
    static var table: String {
        meanings.map { "  \($0.code)".padding(toLength: 7, withPad: " ", startingAt: 0) + $0.meaning }.joined(
            separator: "\n")
    }
}
