import ArgumentParser
import Benchmarks

struct BenchmarkAllReduce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allreduce", abstract: "The all-reduce alone, between ranks on this machine.")

    @Option(help: ArgumentHelp("Ranks.", valueName: "count"))
    var ranks = 2
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Lengths of the vectors, in floats.", valueName: "count"))
    var floats = [1000, 100_000, 1_000_000, 22_713_216]
    @Option(help: ArgumentHelp("Timed repetitions of each.", valueName: "count"))
    var repetitions = 15
    @Option(help: ArgumentHelp("ipc or tcp; may be given twice (default: both).", valueName: "name"))
    var transport: [AllReduceBenchmark.Transport] = []
    @OptionGroup var output: BenchmarkOutput

    func validate() throws {
        try checkPositive("ranks", ranks, upTo: 64)
        try checkPositive("repetitions", repetitions, upTo: 100_000)
        for count in floats { try checkPositive("floats", count, upTo: 1 << 30) }
    }

    mutating func run() async throws {
        let benchmark = AllReduceBenchmark(ranks: ranks, sizes: floats, repetitions: repetitions)
        try output.show(try benchmark.table(transport.isEmpty ? AllReduceBenchmark.Transport.allCases : transport))
    }
}

extension AllReduceBenchmark.Transport: ExpressibleByArgument {}
