import ArgumentParser
import Benchmarks
import Modeling
import Support

struct Benchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measures what this machine can do, and what Shoal reaches of it.",
        subcommands: [
            BenchmarkMatmul.self, BenchmarkKernels.self, BenchmarkAllReduce.self, BenchmarkStep.self,
            BenchmarkScaling.self, BenchmarkTokenize.self, BenchmarkPredict.self, BenchmarkFewShot.self,
        ])
}

/// How a benchmark shows what it found.
struct BenchmarkOutput: ParsableArguments {
    @Flag(help: "Prints JSON: an array of one object a row.")
    var json = false

    func show(_ table: TextTable) throws {
        try StandardOutput.line(json ? try table.json() : table.text)
    }
}

/// The model whose shape is measured.
struct BenchmarkShape: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model folder, for its shape (default: a BERT of 6 layers, 384 wide, as MiniLM).", valueName: "dir"),
        transform: UserPath.argument)
    var model: String?

    @Option(
        help: ArgumentHelp(
            "float32 or bf16; may be given twice (default: all that this processor has).", valueName: "name"))
    var precision: [Precision] = []

    func specification() throws -> ModelSpecification {
        if let model { return try ModelFolder(path: try ModelPath.resolve(model)).configuration.classifier() }
        return ModelSpecification(
            encoder: EncoderArchitecture(
                vocabulary: 30522, hidden: 384, positions: .absolute(rows: 512, offset: 0), segments: 2,
                layers: .init(repeating: .init(heads: 12, intermediate: 1536), count: 6), epsilon: 1e-12,
                initializerRange: 0.02, hiddenDropout: 0.1, attentionDropout: 0.1),
            head: SequenceClassification(labels: 8, dropout: 0.1))
    }

    func precisions() throws -> [Precision] {
        if precision.isEmpty { return Precision.allCases.filter { $0.unsupportedReason == nil } }
        for one in precision { _ = try PrecisionOption.check(one) }
        return precision
    }
}

/// A whole number of at least 1, or an error that names the option.
func checkPositive(_ option: String, _ value: Int, upTo limit: Int) throws {
    guard (1...limit).contains(value) else {
        throw ValidationError("--\(option) is \(value), but must be 1 to \(limit)")
    }
}
