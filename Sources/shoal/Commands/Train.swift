import ArgumentParser
import Cluster

struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Fine-tunes a model on labelled texts, with worker processes on this machine.",
        discussion: """
            The labels say what for where they are plain (classes, several labels, numbers, tags of words, scores of pairs), \
            else --task.

            Writes a run directory: model/ (a Hugging Face folder), metrics.jsonl (one line per step), result.json, run.yaml \
            (all options, for --config) and checkpoints/. The same options give the same weights, bit by bit, with any \
            number of workers and threads. Ctrl-C ends the run cleanly, a second one at once.
            """)

    @OptionGroup var run: RunOptionGroups

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
