import ArgumentParser
import Checkpoint
import Corpus
import Dashboard
import Foundation
import Support

struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures a fine-tuned model on labelled texts.",
        discussion: """
            Prints precision, recall, F1 and count of each class, accuracy, macro F1, the mean loss and the confusion \
            matrix.
            """)

    @Option(help: ArgumentHelp("The folder of a fine-tuned model.", valueName: "dir"), transform: UserPath.argument)
    var model: String

    @Option(
        help: ArgumentHelp("The examples: .csv or .tsv with a header, or .jsonl; UTF-8.", valueName: "file"),
        transform: UserPath.argument)
    var data: String

    @Flag(help: "Prints one JSON object in place of tables.")
    var json = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tokens of a text at most (default: as the model folder says, else \(Defaults.maxLength)).",
            valueName: "tokens"))
    var maxLength: Int?

    @OptionGroup var columns: ColumnOptions
    @OptionGroup var labels: LabelColumnOption
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption

    mutating func run() async throws {
        let classifier = try TextClassifier(
            path: try ModelPath.resolve(model), threads: threads.count, maxLength: maxLength,
            precision: try precision.checked())
        let names = ColumnNames(
            text: columns.textColumn, textPair: columns.textPairColumn, label: labels.labelColumn)
        let examples = try read(names, labels: classifier.labels)
        var review = DatasetReview(evaluating: examples, isPairModel: classifier.isPairModel)
        classifier.addTokens(of: examples, to: &review)
        StandardError.write(review)
        let outcome = try Evaluation.run(classifier, on: examples)
        if json {
            try StandardOutput.line(try outcome.json())
        } else {
            let traits = TerminalTraits(descriptor: STDOUT_FILENO)
            let report = EvaluationReport(outcome.metrics, usesColor: traits.usesColor)
            try StandardOutput.line(report.text(width: TerminalTraits.width(of: STDOUT_FILENO)))
            StandardError.write(outcome.speed)
        }
    }

    /// The examples, with the numbers that the model's labels have. `LABEL_3` also means a label "3" of the file.
    private func read(_ columns: ColumnNames, labels: [String]) throws -> Dataset {
        if labels.contains(where: { $0.hasPrefix("LABEL_") }) {
            let found = try DatasetReader.read(data, columns: columns, labels: nil)
            let rows = LabelMatch.rows(of: found.labels, among: labels)
            if !rows.contains(nil) {
                let examples = found.examples.map { example in
                    Example(
                        text: example.text, pair: example.pair,
                        label: example.label.flatMap { rows[Int($0)] }.map { Int32($0) })
                }
                return Dataset(path: found.path, labels: labels, examples: examples)
            }
        }
        return try DatasetReader.read(data, columns: columns, labels: labels)
    }
}
