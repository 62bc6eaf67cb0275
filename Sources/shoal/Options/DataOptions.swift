import ArgumentParser
import Cluster
import Corpus
import Support

/// How columns of data files are chosen.
struct ColumnOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The column, or JSON key, of the text (default: the first of text, sentence, review, … that there is).",
            valueName: "name"))
    var textColumn: String?

    @Option(
        help: ArgumentHelp(
            "The column of the second text of a pair (default: text_pair, or that of a usual pair such as question and sentence).",
            valueName: "name"))
    var textPairColumn: String?
}

/// The column of the label.
struct LabelColumnOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The column of the label (default: the first of label, class, category, … that there is).",
            valueName: "name"))
    var labelColumn: String?
}

/// The model, the data and the run directory of a training run.
struct RunDataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML file with any of these options (with _ for -); options given here override it.", valueName: "file"),
        transform: UserPath.argument)
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The Hugging Face folder of the model to start from, or the name of one that shoal fetch has brought.",
            valueName: "dir"),
        transform: UserPath.argument)
    var model: String?

    @Option(
        help: ArgumentHelp("The training examples: .csv or .tsv with a header, or .jsonl; UTF-8.", valueName: "file"),
        transform: UserPath.argument)
    var train: String?

    @Option(
        help: ArgumentHelp("A file that is evaluated after every epoch (default: none).", valueName: "file"),
        transform: UserPath.argument)
    var validation: String?

    @Option(
        help: ArgumentHelp("A file that is evaluated at the end (default: none).", valueName: "file"),
        transform: UserPath.argument)
    var test: String?

    @Option(
        help: ArgumentHelp("The run directory to write: new, or empty.", valueName: "dir"), transform: UserPath.argument
    )
    var output: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Training examples to draw of each class, by the seed (default: all).", valueName: "count"))
    var shots: Int?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Leaves out classes with fewer than two examples, or than --shots; their examples in --validation and --test, too "
                + "(default: no)."))
    var dropRareClasses: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tokens of a text at most, special ones included (default: \(Defaults.maxLength), or the model's positions "
                + "if fewer).",
            valueName: "tokens"))
    var maxLength: Int?

    @OptionGroup var columns: ColumnOptions
    @OptionGroup var labels: LabelColumnOption

    func apply(to options: inout RunOptions) {
        (options.model, options.train, options.validation, options.test) = (model, train, validation, test)
        (options.output, options.shots, options.maxLength) = (output, shots, maxLength)
        (options.textColumn, options.textPairColumn) = (columns.textColumn, columns.textPairColumn)
        options.labelColumn = labels.labelColumn
        options.dropRareClasses = dropRareClasses
    }
}
