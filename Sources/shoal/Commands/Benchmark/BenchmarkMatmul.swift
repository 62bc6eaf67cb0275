import ArgumentParser
import Benchmarks

struct BenchmarkMatmul: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matmul", abstract: "Matrix products in the shapes of a model, on one thread.")

    @OptionGroup var shape: BenchmarkShape
    @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a micro-batch.", valueName: "count"))
    var tokens = 330
    @OptionGroup var output: BenchmarkOutput

    func validate() throws { try checkPositive("tokens", tokens, upTo: 65_536) }

    mutating func run() async throws {
        let benchmark = MatmulBenchmark(encoder: try shape.specification().encoder, tokens: tokens)
        try output.show(benchmark.table(try shape.precisions()))
    }
}
