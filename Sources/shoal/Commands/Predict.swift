import ArgumentParser
import Corpus
import Inference
import Support

struct Predict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Predicts by a fine-tuned model: one JSON object per line, in the order of the texts.",
        discussion: """
            Each line is, by the model's task, {"label": …, "probabilities": {label: p, …}} (the label is null where the \
            model abstains, see --abstain-below; a classifier made by --method probe adds "out_of_scope": 0 is usual, and \
            above 1 are 5% of texts of its classes), {"labels": […], \
            "probabilities": {…}}, {name: number, …}, {"text": …, "spans": [{"start": 0, "end": 5, "label": …, "text": …, \
            "score": …}]}, of a pair of texts {"cosine": …}, or of a text with masks {"masks": [[{"score": …, "token": id, \
            "token_str": …}, …], …]}. Without --text and FILE, standard input is read, one text per \
            line.
            """)

    @Option(help: ArgumentHelp("The folder of a fine-tuned model.", valueName: "dir"), transform: UserPath.argument)
    var model: String

    @OptionGroup var adapter: AdapterOption
    @OptionGroup var task: TaskOption

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A text to classify; may be given several times.", valueName: "text"))
    var text: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The second text of a pair, for each --text or for none.", valueName: "text"))
    var textPair: [String] = []

    @Argument(
        help: ArgumentHelp(
            "Texts: .csv or .tsv with a header, .jsonl, .conll where words have tags, or else one text per line; - for "
                + "standard input.",
            valueName: "file"), transform: UserPath.argument)
    var file: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tokens of a text at most (default: as the model folder says, else \(Defaults.maxLength)).",
            valueName: "tokens"))
    var maxLength: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Of a masked language model: the tokens that are shown for each mask (default: \(MaskFiller.usualCount)).",
            valueName: "count"))
    var topK: Int?

    @OptionGroup var abstention: AbstentionOption
    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption

    func validate() throws {
        if !text.isEmpty, file != nil {
            throw ValidationError("--text and a file exclude each other: give one of them")
        }
        let isNamed = columns.given.textColumn != nil || columns.given.textPairColumn != nil
        if !text.isEmpty, isNamed {
            throw ValidationError("--text has no columns: leave out --text-column and --text-pair-column")
        }
        if let topK, topK < 1 { throw ValidationError("--top-k is \(topK), must be at least 1") }
        guard textPair.isEmpty || textPair.count == text.count else {
            throw ValidationError("\(textPair.count) --text-pair for \(text.count) --text: give one for each, or none")
        }
    }

    mutating func run() async throws {
        let pairs = textPair
        let texts = text.enumerated().map { Example(text: $1, pair: pairs.isEmpty ? nil : pairs[$0]) }
        let names = ColumnNames(text: columns.given.textColumn, textPair: columns.given.textPairColumn)
        let pipeline = try TextPipeline(
            path: try ModelPath.resolve(model), adapter: adapter.adapter, task: task.task, threads: threads.count,
            maxLength: maxLength, precision: try precision.checked(), appendsEmbeddings: true)
        let abstention = try abstention.checked(pipeline)
        let read = try file.flatMap { try pipeline.task.texts($0, columns: names) }
        let source = read.map { .given($0) } ?? TextSource(texts: texts, file: file, columns: names)
        try source.check(names)
        guard !pipeline.task.packsDocuments else { return try fillMasks(source, pipeline) }
        guard topK == nil else {
            throw ValidationError(
                "--top-k: the model's task is \(pipeline.task.name), which guesses no masked tokens; leave it out")
        }
        var task = pipeline.task
        if let abstention, var classification = task as? Classification {
            classification.abstention = abstention
            task = classification
        }
        let format = task.predictions(labels: pipeline.labels)
        var review = InputReview(pipeline)
        var (seen, unanswered) = (0, 0)
        try source.forEachWindow(.init(count: TextPipeline.window)) {
            review.add($0, pipeline)
            var lines = JSONWriter()
            for prediction in try pipeline.outputs($0) {
                format.append(prediction, to: &lines)
                lines.newline()
                seen += 1
                unanswered += abstention?.abstains(prediction) == true ? 1 : 0
            }
            try StandardOutput.write(lines.bytes)
        }
        review.finish()
        if abstention != nil {
            StandardError.write("abstained from \(grouped(unanswered)) of \(plural(seen, "text"))")
        }
    }

    /// The most probable tokens of each mask.
    private func fillMasks(_ source: TextSource, _ pipeline: TextPipeline) throws {
        let filler = try MaskFiller(pipeline, count: topK ?? MaskFiller.usualCount)
        var done = 0
        try source.forEachWindow(.init(count: TextPipeline.window)) {
            var lines = JSONWriter()
            for masks in try filler.fill($0, from: source.name, before: done) {
                lines.masks(masks)
                lines.newline()
            }
            done += $0.count
            try StandardOutput.write(lines.bytes)
        }
    }
}
