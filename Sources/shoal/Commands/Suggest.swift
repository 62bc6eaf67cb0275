import ArgumentParser
import Corpus
import Inference
import Modeling
import Support

struct Suggest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suggest",
        abstract: "Says which texts to label next, or which labels of a training set are probably wrong.",
        discussion: """
            With --unlabeled, a trained classifier chooses texts that it is unsure of and that differ from each other. They \
            are told apart by their embeddings where the classifier stands on such (--method probe), else by its logits.

            With --label-errors, the labels of --train are compared with what a classifier says that has not seen the text \
            (logistic regressions on embeddings, cross-validated): those that are less probable than another one are shown, \
            the least probable first, as many as are probably wrong (confident learning), or --count.

            It prints a table; --output writes it as CSV or JSON Lines, with whole texts. Nothing is random.
            """)

    @Option(
        help: ArgumentHelp(
            "The folder of a trained classifier; with --label-errors of an encoder, or its name in `shoal fetch`.",
            valueName: "dir"), transform: UserPath.argument)
    var model: String

    @Option(
        help: ArgumentHelp("Texts without labels, from which to choose: .csv, .tsv, .jsonl, .txt.", valueName: "file"),
        transform: UserPath.argument)
    var unlabeled: String?

    @Flag(help: "Looks for wrong labels in --train.")
    var labelErrors = false

    @Option(
        help: ArgumentHelp(
            "Labelled texts: with --unlabeled those that are left out if they are among these; with --label-errors those to "
                + "look at.", valueName: "file"), transform: UserPath.argument)
    var train: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How many are shown (default: \(usualCount); with --label-errors as many as are probably wrong).",
            valueName: "count"))
    var count: Int?

    @Option(
        help: ArgumentHelp("Where they are written, too: .csv or .jsonl.", valueName: "file"),
        transform: UserPath.argument)
    var output: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Tokens of a text at most (default: as the model folder says).", valueName: "tokens"))
    var maxLength: Int?

    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var label: RunOptionArguments<LabelColumnSelection>
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption

    private static let usualCount = 20

    func validate() throws {
        if let output, ![".csv", ".jsonl"].contains(where: output.lowercased().hasSuffix) {
            throw ValidationError("--output is \(output.printable()), must end with .csv or .jsonl")
        }
        if let count, count < 1 { throw ValidationError("--count is \(count), must be at least 1") }
        if labelErrors {
            guard unlabeled == nil else {
                throw ValidationError("--label-errors looks at the labels of --train: leave out --unlabeled")
            }
            guard train != nil else { throw ValidationError("--label-errors: give the labelled texts as --train") }
        } else {
            guard unlabeled != nil else {
                throw ValidationError(
                    "give the texts to choose from as --unlabeled, or look for wrong labels with --label-errors")
            }
            if label.given.labelColumn != nil {
                throw ValidationError("--label-column: labels are read with --label-errors alone; leave it out")
            }
        }
        let unfit: [(String, Bool)] = [
            ("label-separator", label.given.labelSeparator != nil), ("repair-tags", label.given.repairTags == true),
        ]
        if let (option, _) = unfit.first(where: \.1) {
            throw ValidationError("--\(option): each text has one class here; leave it out")
        }
    }

    mutating func run() async throws {
        let names = ColumnNames(
            text: columns.given.textColumn, textPair: columns.given.textPairColumn, label: label.given.labelColumn)
        if let train, labelErrors {
            try show(try wrongLabels(train, names), naming: "label")
        } else if let unlabeled {
            try show(try queries(unlabeled, names), naming: "text")
        }
    }

    private func queries(_ unlabeled: String, _ names: ColumnNames) throws -> SuggestionTable {
        let texts = try NumberedTexts(unlabeled, names, without: train)
        if let notice = texts.notice { StandardError.write(notice) }
        let pipeline = try TextPipeline(
            path: try ModelPath.resolve(model), threads: threads.count, maxLength: maxLength,
            precision: try precision.checked(), appendsEmbeddings: true)
        guard pipeline.task.hasOneClass else {
            throw ValidationError(
                "--model: the model's task is \(pipeline.task.name), whose texts do not have one class each; give a "
                    + "classifier")
        }
        return try SuggestionTable.queries(texts, pipeline, count: count ?? Self.usualCount)
    }

    private func wrongLabels(_ train: String, _ names: ColumnNames) throws -> SuggestionTable {
        let data = try DatasetReader.read(train, columns: names)
        try data.checkTrainable(minimumPerClass: 1)
        for line in data.warnings { StandardError.warning(line) }
        let features = try TextFeatures(
            try ModelFolder(path: try ModelPath.resolve(model)), threads: threads.count, maxLength: maxLength,
            precision: try precision.checked())
        return try SuggestionTable.wrongLabels(data, features, count: count)
    }

    private func show(_ table: SuggestionTable, naming what: String) throws {
        if let output { try table.write(to: output) }
        if !table.rows.isEmpty { try StandardOutput.line(table.text) }
        for line in table.notices { StandardError.write(line) }
        if let output { StandardError.write("\(plural(table.rows.count, what)) written to \(output.printable())") }
    }
}
