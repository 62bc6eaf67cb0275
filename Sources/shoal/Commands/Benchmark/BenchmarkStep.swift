import ArgumentParser
import Benchmarks

struct BenchmarkStep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step", abstract: "A training step of one worker, and its share of the peak of matrix products.",
        discussion: """
            The share counts the operations that the model asks for (6 for each weight of the encoder and token, plus \
            attention), whatever is saved of them, over the peak that the same threads reach in products alone.
            """)

    @OptionGroup var shape: BenchmarkShape
    @Option(parsing: .unconditional, help: ArgumentHelp("Sequences of a step.", valueName: "count"))
    var sequences = 32
    @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a sequence.", valueName: "count"))
    var length = 82
    @Option(parsing: .unconditional, help: ArgumentHelp("Micro-batches of a step.", valueName: "count"))
    var microBatches = 8
    @Option(parsing: .unconditional, help: ArgumentHelp("Timed steps.", valueName: "count"))
    var steps = 10
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var output: BenchmarkOutput

    func validate() throws {
        try checkPositive("sequences", sequences, upTo: 65_536)
        try checkPositive("length", length, upTo: 65_536)
        try checkPositive("micro-batches", microBatches, upTo: sequences)
        try checkPositive("steps", steps, upTo: 1_000_000)
    }

    mutating func run() async throws {
        let specification = try shape.specification()
        try checkPositive("length", length, upTo: specification.encoder.maxLength)
        let benchmark = StepBenchmark(
            specification: specification, lengths: [Int](repeating: length, count: sequences),
            microBatches: microBatches, threads: threads.count, steps: steps)
        try output.show(try benchmark.table(try shape.precisions()))
    }
}
