import ArgumentParser
import Cluster
import Inference
import Support

/// The options of `pretrain`: those of `train` that do not speak of labels, and its own.
struct PretrainingOptionGroups: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML file with any of these options (with _ for -); options given here override it.", valueName: "file"),
        transform: UserPath.argument)
    var config: String?

    @OptionGroup(title: "Model and Data") var data: RunOptionArguments<PretrainingDataSelection>
    @OptionGroup(title: "Learning") var learning: RunOptionArguments<PretrainingLearningSelection>
    @OptionGroup(title: "Learning Rate") var schedule: RunOptionArguments<ScheduleSelection>
    @OptionGroup(title: "Workers") var workers: RunOptionArguments<WorkersSelection>
    @OptionGroup(title: "Checkpoints") var checkpoints: RunOptionArguments<CheckpointsSelection>

    /// The configuration that they ask for, together with the file of `--config`.
    ///
    /// - Parameter more: What the command's other options of a run give.
    func resolve(_ more: RunOptions) throws -> RunConfiguration {
        var options = more
        for part in [data.given, learning.given, schedule.given, workers.given, checkpoints.given] { options.add(part) }
        options.task = MaskedLanguage.name
        var configuration = try RunConfiguration.resolve(options, file: config)
        configuration.model = try ModelPath.resolve(configuration.model)
        return configuration
    }
}

/// The model, the texts and the run directory.
enum PretrainingDataSelection: RunOptionSelection {
    static let options =
        table.options(in: .data).filter { !labelled.contains($0.key) } + table.options(in: .pretraining)

    /// About labels and pairs.
    private static let labelled = [
        "task", "shots", "drop_rare_classes", "label_column", "label_separator", "repair_tags", "score_range",
        "text_pair_column",
    ]

    static func help(of option: RunOption) -> String {
        switch option.key {
        case "model":
            "The Hugging Face folder of the model to go on from, or the name of one that shoal fetch has brought; with "
                + "--from-scratch a folder with config.json and a tokenizer."
        case "train": "The texts: .txt with one document per line, or a column of a .csv, .tsv or .jsonl file; UTF-8."
        default: option.help
        }
    }
}

/// What is learnt, and for how long.
enum PretrainingLearningSelection: RunOptionSelection {
    static let options = table.options(in: .learning).filter { !labelled.contains($0.key) }

    /// About classes.
    private static let labelled = ["label_smoothing", "class_weights", "focal_loss", "r_drop"]
}
