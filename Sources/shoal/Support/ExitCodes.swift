/// What the process exits with; `docs/exit-codes.md` tells the same in full.
enum ExitCodes {
    /// Each code with what it means.
    static let meanings: [(code: Int32, meaning: String)] = [
        (0, "done; also after --help and --version, and where `stop` finds a run that has ended already"),
        (1, "failed: a file, the model, a peer or the machine; the last line says why"),
        (64, "the command line or the --config file is wrong; nothing was begun, and trying again does not help"),
        (130, "interrupted by Ctrl-C, SIGTERM or `stop`; what was kept is on the last line"),
        (141, "no program reads the output any more, as after `| head`"),
    ]

    /// A line for each code.
    static var table: String { meanings.map { "  \($0.code)  \($0.meaning)" }.joined(separator: "\n") }
}
