import ArgumentParser
import Benchmarks
import Corpus
import Support
import Tokenization

struct BenchmarkTokenize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Tokenization of a data file's texts, on one thread.")

    @Option(
        help: ArgumentHelp("The folder of a model, for its tokenizer.", valueName: "dir"), transform: UserPath.argument)
    var model: String
    @Option(
        help: ArgumentHelp("The texts: .csv or .tsv with a header, or .jsonl.", valueName: "file"),
        transform: UserPath.argument)
    var data: String
    @OptionGroup var columns: RunOptionArguments<TextColumnsSelection>
    @OptionGroup var output: BenchmarkOutput

    mutating func run() async throws {
        let tokenizer = try ModelPath.tokenizer(model)
        let names = ColumnNames(text: columns.given.textColumn, textPair: columns.given.textPairColumn)
        let texts = try DatasetReader.read(data, columns: names).examples.map(\.text)
        try output.show(
            TextBenchmark.tokenization(texts) { tokenizer.encode($0, pair: nil, maxLength: 1 << 20).inputIDs.count })
    }
}
