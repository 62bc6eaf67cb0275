import ArgumentParser
import Cluster
import Support

/// The options that `train` and `coordinator` share.
struct RunOptionGroups: ParsableArguments {
    @OptionGroup(title: "Model and Data") var data: RunDataOptions
    @OptionGroup(title: "Few Examples") var fewShot: RunOptionArguments<FewShotSelection>
    @OptionGroup(title: "Learning") var learning: RunOptionArguments<LearningSelection>
    @OptionGroup(title: "Learning Rate") var schedule: RunOptionArguments<ScheduleSelection>
    @OptionGroup(title: "Pretraining (--task masked-lm)") var pretraining: RunOptionArguments<PretrainingSelection>
    @OptionGroup(title: "Workers") var workers: RunOptionArguments<WorkersSelection>
    @OptionGroup(title: "Checkpoints") var checkpoints: RunOptionArguments<CheckpointsSelection>

    /// The configuration that they ask for, together with the file of `--config`.
    ///
    /// - Parameter more: What the command's other options of a run give.
    func resolve(_ more: RunOptions = RunOptions()) throws -> RunConfiguration {
        var options = more
        for part in [
            data.options.given, fewShot.given, learning.given, schedule.given, pretraining.given, workers.given,
            checkpoints.given,
        ] {
            options.add(part)
        }
        var configuration = try RunConfiguration.resolve(options, file: data.config)
        configuration.model = try ModelPath.resolve(configuration.model)
        return configuration
    }
}

/// The configuration file, and the options about the model, the data and the run directory.
struct RunDataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML file with any of these options (with _ for -); options given here override it.", valueName: "file"),
        transform: UserPath.argument)
    var config: String?

    @OptionGroup var options: RunOptionArguments<DataSelection>
}
