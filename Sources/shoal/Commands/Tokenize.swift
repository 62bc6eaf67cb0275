import ArgumentParser
import Corpus
import Support
import Tokenization

struct Tokenize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Shows what a model's tokenizer makes of texts: a JSON object a line, in their order.",
        discussion: """
            Each line is {"input_ids": […], "tokens": […]}. Without FILE, standard input is read, one text per line.
            """)

    @Option(
        help: ArgumentHelp("The folder of a model; only its tokenizer is read.", valueName: "dir"),
        transform: UserPath.argument)
    var model: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Tokens of a text at most, special ones included (default: no limit).", valueName: "tokens"))
    var maxLength: Int?

    @Argument(
        help: ArgumentHelp(
            "Texts: .csv or .tsv with a header, .jsonl, or else one text per line; - for standard input.",
            valueName: "file"), transform: UserPath.argument)
    var file: String?

    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        if let maxLength, maxLength < 3 {
            throw ValidationError("--max-length is \(maxLength), but must be at least 3: two are special tokens")
        }
    }

    mutating func run() async throws {
        let names = ColumnNames(text: columns.given.textColumn, textPair: columns.given.textPairColumn)
        let source = TextSource(texts: [], file: file, columns: names)
        try source.check(names)
        let writer = try TokenWriter(
            tokenizer: try ModelPath.tokenizer(model), threads: threads.count,
            maxLength: maxLength ?? Int(Int32.max))
        try source.forEachWindow(.init(count: 1 << 16)) { texts in
            for piece in writer.lines(texts) { try StandardOutput.write(piece) }
        }
    }
}
