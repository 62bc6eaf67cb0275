import ArgumentParser
import Corpus
import Dashboard
import Foundation
import Inference
import Support

struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures a fine-tuned model on labelled texts.",
        discussion: """
            Prints the metrics of the model's task and the mean loss: of classes precision, recall, F1 and count of each, \
            accuracy, macro F1, the mean confidence (the probability of the predicted class), the expected calibration \
            error (15 bins of equal width) and the confusion matrix; of several labels per text macro, micro and sample F1 and \
            average precision; of numbers Spearman's and Pearson's correlation and the mean errors; of embeddings these of \
            the cosines of pairs; of tags of words precision, recall and F1 of their spans, as seqeval computes them by \
            default and strictly.
            """)

    @Option(help: ArgumentHelp("The folder of a fine-tuned model.", valueName: "dir"), transform: UserPath.argument)
    var model: String

    @OptionGroup var adapter: AdapterOption
    @OptionGroup var task: TaskOption

    @Option(
        help: ArgumentHelp(
            "The examples: .csv or .tsv with a header, .jsonl, or .conll for tags of words; UTF-8.", valueName: "file"),
        transform: UserPath.argument)
    var data: String

    @Flag(help: "Prints one JSON object in place of tables.")
    var json = false

    @Flag(
        help: """
            Leaves out examples with labels that the model does not know, such as those of classes that \
            --drop-rare-classes left out, and says how many.
            """)
    var skipUnknownLabels = false

    @OptionGroup var abstention: AbstentionOption

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tokens of a text at most (default: as the model folder says, else \(Defaults.maxLength)).",
            valueName: "tokens"))
    var maxLength: Int?

    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var labels: RunOptionArguments<LabelColumnSelection>
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption

    mutating func run() async throws {
        let pipeline = try TextPipeline(
            path: try ModelPath.resolve(model), adapter: adapter.adapter, task: task.task, threads: threads.count,
            maxLength: maxLength, precision: try precision.checked(), appendsEmbeddings: abstention.abstainOutOfScope)
        let names = ColumnNames(
            text: columns.given.textColumn, textPair: columns.given.textPairColumn, label: labels.given.labelColumn)
        let abstention = try abstention.checked(pipeline)
        guard !pipeline.task.packsDocuments else { return try evaluateDocuments(pipeline, names) }
        let examples: Dataset
        if pipeline.task.hasOneClass {
            guard labels.given.labelSeparator == nil else {
                throw ValidationError("--label-separator: the model gives each text one class; leave it out")
            }
            guard labels.given.repairTags != true else {
                throw ValidationError("--repair-tags: the model gives each text one class; leave it out")
            }
            let known = try KnownLabels(
                try DatasetReader.read(data, columns: names), among: pipeline.labels, skipsUnknown: skipUnknownLabels)
            if let notice = known.notice { StandardError.warning(notice) }
            examples = known.examples
        } else {
            guard !skipUnknownLabels || pipeline.task.tagsWords else {
                throw ValidationError(
                    "--skip-unknown-labels: the model's task is \(pipeline.task.name), whose examples do not have one "
                        + "class each; leave it out")
            }
            let found = try read(pipeline, names)
            examples = skipUnknownLabels ? try withoutUnknownTags(found) : found
        }
        for notice in examples.notices { StandardError.write(notice.printable(limit: 1000)) }
        for line in examples.warnings { StandardError.warning(line) }
        var review = DatasetReview(evaluating: examples, isPairModel: pipeline.isPairModel)
        pipeline.addTokens(of: examples, to: &review)
        StandardError.write(review)
        try show(try Evaluator(pipeline).evaluate(examples, abstention: abstention))
    }

    /// The sentences that have no tag that the model has not.
    private func withoutUnknownTags(_ data: Dataset) throws -> Dataset {
        let rest = data.withoutUnknownLabels
        let lost = data.examples.count - rest.examples.count
        guard lost > 0 else { return data }
        guard !rest.examples.isEmpty else {
            throw FileError(
                data.path, "--skip-unknown-labels leaves no sentence: each has a tag that the model does not know")
        }
        let unknown = zip(data.unknownLabels, data.classCounts.suffix(data.unknownLabelCount)).map {
            (name: $0, count: $1)
        }
        StandardError.warning(
            "--skip-unknown-labels: without \(lost) of \(plural(data.examples.count, "example")) with tags that the model "
                + "does not know: \(DatasetReview.counted(unknown))")
        return rest
    }

    /// The examples of a task whose examples do not have one class each.
    private func read(_ pipeline: TextPipeline, _ columns: ColumnNames) throws -> Dataset {
        let task = pipeline.task
        var options = TaskOptions(
            labelSeparator: labels.given.labelSeparator ?? nil, repairsTags: labels.given.repairTags ?? false)
        if options.labelSeparator != nil, !task.separatesLabels { throw refusal("label-separator", task) }
        if options.repairsTags, !task.tagsWords { throw refusal("repair-tags", task) }
        if let separator = options.labelSeparator, separator.count != 1 {
            throw ValidationError("--label-separator is \(quoted(separator)), but must be one character")
        }
        if task.separatesLabels, options.labelSeparator == nil {
            let seen = try SeparatorGuess(data, columns: columns)
            options.labelSeparator = seen.separator
            if let reason = seen.reason { StandardError.write(reason) }
        }
        let examples = try task.read(data, columns: columns, known: pipeline.labels, options: options)
        try task.check(examples.examples, path: data)
        return examples
    }

    private func refusal(_ option: String, _ task: any Task) -> ValidationError {
        ValidationError("--\(option): it does not go with the model's task, \(task.name); leave it out")
    }

    /// Perplexity on texts without labels.
    private func evaluateDocuments(_ pipeline: TextPipeline, _ columns: ColumnNames) throws {
        let given = [
            ("label-column", columns.label != nil), ("label-separator", labels.given.labelSeparator != nil),
            ("repair-tags", labels.given.repairTags == true), ("skip-unknown-labels", skipUnknownLabels),
        ]
        if let option = given.first(where: \.1) { throw refusal(option.0, pipeline.task) }
        let documents = try DatasetReader.read(data, options: .init(columns: columns, labels: nil))
        try show(try Evaluator(pipeline).evaluate(documents: documents))
    }

    private func show(_ outcome: Evaluation) throws {
        if json {
            try StandardOutput.line(try outcome.json())
        } else {
            let traits = TerminalTraits(descriptor: STDOUT_FILENO)
            let report = EvaluationReport(outcome.metrics, usesColor: traits.usesColor)
            try StandardOutput.line(report.text(width: TerminalTraits.width(of: STDOUT_FILENO)))
            StandardError.write(outcome.speed)
        }
    }
}
