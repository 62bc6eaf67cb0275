import Cluster

/// The model, the data and the run directory.
enum DataSelection: RunOptionSelection {
    static let options = table.options(in: .data)
}

/// What is learnt from the data, and for how long.
enum LearningSelection: RunOptionSelection {
    static let options = table.options(in: .learning)
}

/// How the learning rate changes over a run.
enum ScheduleSelection: RunOptionSelection {
    static let options = table.options(in: .schedule)
}

/// How few examples are learnt from.
enum FewShotSelection: RunOptionSelection {
    static let options = table.options(in: .fewShot)
}

/// What is masked and held out in pretraining.
enum PretrainingSelection: RunOptionSelection {
    static let options = table.options(in: .pretraining)
}

/// How many workers there are, how long they are waited for and how they exchange gradients.
enum WorkersSelection: RunOptionSelection {
    static let options = table.options(in: .workers)
}

/// When the state is kept.
enum CheckpointsSelection: RunOptionSelection {
    static let options = table.options(in: .checkpoints)
}

/// How the workers compute that a command starts itself.
enum LocalWorkersSelection: RunOptionSelection {
    static let options = table.options(in: .localWorkers)
}

/// Which workers may connect to a coordinator.
enum AccessSelection: RunOptionSelection {
    static let options = table.options(in: .access)
}

/// The text column of data files, for a command that takes single texts.
enum TextColumnSelection: RunOptionSelection {
    static let options = ["text_column"].compactMap(table.option)
}

/// The text columns of data files.
enum TextColumnsSelection: RunOptionSelection {
    static let options = ["text_column", "text_pair_column"].compactMap(table.option)
}

/// The label column of data files.
enum LabelColumnSelection: RunOptionSelection {
    static let options = ["label_column", "label_separator", "repair_tags"].compactMap(table.option)
}

/// How much longer a run that is resumed goes on.
enum ResumedLengthSelection: RunOptionSelection {
    static let options = ["epochs", "steps"].compactMap(table.option)
    static func help(of option: RunOption) -> String { option.resumeHelp }
}

/// Which workers may connect to a coordinator that is resumed.
enum ResumedAccessSelection: RunOptionSelection {
    static let options = table.options(in: .access)
    static func help(of option: RunOption) -> String { option.resumeHelp }
}
