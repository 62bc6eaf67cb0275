import ArgumentParser

/// How many threads a command computes with.
struct ThreadsOption: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Threads that compute (default: one for each processor that this process may use, "
                + "\(Defaults.threads) here).", valueName: "count"))
    var threads: Int?

    var count: Int { threads ?? Defaults.threads }

    func validate() throws {
        guard (1...1024).contains(count) else {
            throw ValidationError("--threads is \(count), but must be 1 to 1024")
        }
    }
}
