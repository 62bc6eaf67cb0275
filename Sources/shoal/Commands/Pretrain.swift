import ArgumentParser
import Cluster

struct Pretrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pretrain",
        abstract: "Trains a masked language model on texts without labels, with worker processes on this machine.",
        discussion: """
            Goes on from a model, or with --from-scratch draws a new one of the sizes that its config.json says. The texts \
            are one document per line of a .txt file, or a column of a .csv, .tsv or .jsonl file; they are joined and cut \
            into sequences of --max-length tokens. In each epoch other words are masked. Writes a run directory as train \
            does; train --model RUN/model then fine-tunes what came out.
            """)

    @OptionGroup var run: PretrainingOptionGroups

    @OptionGroup(title: "Workers on This Machine") var local: RunOptionArguments<LocalWorkersSelection>

    @Flag(
        help: """
            Shows where the time went, and writes it to profile.json in the run directory: a Chrome trace, which Perfetto \
            opens.
            """)
    var profile = false

    mutating func run() async throws {
        let configuration = try run.resolve(local.given)
        try await TrainingSession.run(configuration, workers: .local(), profiles: profile)
    }
}
