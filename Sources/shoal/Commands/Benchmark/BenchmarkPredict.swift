import ArgumentParser
import Benchmarks
import Corpus
import Inference
import Support

struct BenchmarkPredict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Classification of a data file's texts, tokenization included.")

    @Option(help: ArgumentHelp("The folder of a fine-tuned model.", valueName: "dir"), transform: UserPath.argument)
    var model: String
    @Option(
        help: ArgumentHelp("The texts: .csv or .tsv with a header, or .jsonl.", valueName: "file"),
        transform: UserPath.argument)
    var data: String
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Tokens of a text at most (default: as predict).", valueName: "tokens"))
    var maxLength: Int?
    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var precision: PrecisionOption
    @OptionGroup var output: BenchmarkOutput

    mutating func run() async throws {
        let pipeline = try TextPipeline(
            path: try ModelPath.resolve(model), threads: threads.count, maxLength: maxLength,
            precision: try precision.checked())
        let names = ColumnNames(text: columns.given.textColumn, textPair: columns.given.textPairColumn)
        let texts = try DatasetReader.read(data, columns: names).examples
        let tokens = texts.reduce(0) { $0 + pipeline.tokenCount($1) }
        let table = try TextBenchmark.classification(
            texts: texts.count, tokens: tokens, precision: precision.precision.rawValue, threads: threads.count
        ) {
            for start in stride(from: 0, to: texts.count, by: TextPipeline.window) {
                _ = try pipeline.outputs(Array(texts[start..<min(start + TextPipeline.window, texts.count)]))
            }
        }
        try output.show(table)
    }
}
