import ArgumentParser
import Benchmarks

struct BenchmarkKernels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "The loops between the products, on one thread, beside memory bandwidth.")

    @Option(parsing: .unconditional, help: ArgumentHelp("Rows of the matrices.", valueName: "count"))
    var rows = 330
    @Option(parsing: .unconditional, help: ArgumentHelp("Columns of the matrices.", valueName: "count"))
    var width = 384
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Calls of each, no more and no less, to count instructions by (default: as many as times need).",
            valueName: "count"))
    var calls: Int?
    @OptionGroup var output: BenchmarkOutput

    func validate() throws {
        try checkPositive("rows", rows, upTo: 65_536)
        try checkPositive("width", width, upTo: 65_536)
        if let calls { try checkPositive("calls", calls, upTo: 1_000_000) }
        guard rows * width <= 1 << 28 else { throw ValidationError("--rows times --width is more than 2^28") }
    }

    mutating func run() async throws {
        try output.show(KernelBenchmark(rows: rows, width: width, calls: calls).table())
    }
}
