import ArgumentParser
import Corpus
import Inference
import Modeling
import Support

struct Embed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Turns texts into embeddings: one for each text, in the order of the texts.",
        discussion: """
            Pooling and normalization are those that a folder of sentence-transformers names; of another folder the mean \
            over the tokens is taken. The output is JSON Lines, {"embedding": […]}, or with --output FILE.npy a NumPy array \
            of float32, (texts, width).
            """)

    @Option(
        help: ArgumentHelp("The folder of a model, or its name in `shoal fetch`.", valueName: "dir"),
        transform: UserPath.argument)
    var model: String

    @Option(
        help: ArgumentHelp(
            "Texts: .csv or .tsv with a header, .jsonl, or else one text per line; - for standard input.",
            valueName: "file"), transform: UserPath.argument)
    var input: String = "-"

    @Option(
        help: ArgumentHelp(
            "Where the embeddings go: .jsonl, or .npy (default: JSON Lines to standard output).", valueName: "file"),
        transform: UserPath.argument)
    var output: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What is put before each text, such as \"query: \" (default: the folder's default prompt, or nothing).",
            valueName: "text"))
    var prefix: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Tokens of a text at most (default: as the model folder says).", valueName: "tokens"))
    var maxLength: Int?

    @OptionGroup var columns: RunOptionArguments<TextColumnSelection>
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption

    func validate() throws {
        if let output, ![".npy", ".jsonl"].contains(where: output.lowercased().hasSuffix) {
            throw ValidationError("--output is \(output.printable()), must end with .jsonl or .npy")
        }
    }

    mutating func run() async throws {
        let names = ColumnNames(text: columns.given.textColumn)
        let source = TextSource(texts: nil, file: input, columns: names)
        try source.check(names)
        let pipeline = try EmbeddingPipeline(
            try ModelFolder(path: try ModelPath.resolve(model)), threads: threads.count, maxLength: maxLength,
            prefix: prefix, precision: try precision.checked())
        let writer = try EmbeddingWriter(output, width: pipeline.head.width)
        var hasPairs = false
        var review = InputReview(pipeline.pipeline, isPairModel: nil)
        try source.forEachWindow(.init(count: TextPipeline.window)) { texts in
            hasPairs = hasPairs || texts.contains { $0.pair != nil }
            review.add(pipeline.examples(texts.map(\.text)), pipeline.pipeline)
            try writer.append(try pipeline.embeddings(texts.map(\.text)))
        }
        try writer.finish()
        review.finish()
        if hasPairs {
            StandardError.warning("\(input): has pairs of texts, of which the first one alone was read (--text-column)")
        }
    }
}
