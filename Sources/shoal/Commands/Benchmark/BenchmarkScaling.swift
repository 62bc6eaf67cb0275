import ArgumentParser
import Benchmarks
import Collectives
import Modeling
import Numerics
import Support

struct BenchmarkScaling: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling",
        abstract: "Predicts the throughput of many hosts like this one, by network.",
        discussion: """
            Measures a step and the all-reduce here, then follows a simulated host's computing and sending. Efficiency is \
            the throughput over that of as many hosts that need not wait for each other. docs/performance.md compares \
            predictions with what was measured on 2, 3 and 4 hosts.
            """)

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Numbers of hosts.", valueName: "count"))
    var hosts = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Speeds of the links, each way.", valueName: "gbit/s"))
    var links = [1.0, 10, 25]
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Tokens of a step that each host computes.", valueName: "count"))
    var tokensPerHost = 1400
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Micro-batches that each host computes, one after the other.", valueName: "count"))
    var microBatches = 4
    @Option(parsing: .unconditional, help: ArgumentHelp("Compute threads of a host.", valueName: "count"))
    var threads = 1
    @Option(
        help: ArgumentHelp("A model folder, for its shape (default: as MiniLM).", valueName: "dir"),
        transform: UserPath.argument)
    var model: String?
    @Option(help: ArgumentHelp("In what to compute: float32 or bf16.", valueName: "name"))
    var precision = Precision.float32
    @Option(help: ArgumentHelp("In what gradients are sent: float32 or bf16.", valueName: "name"))
    var wire = WirePrecision.float32
    @Option(parsing: .unconditional, help: ArgumentHelp("Microseconds that a message is under way.", valueName: "us"))
    var latency = 200.0
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds that a host computes in a step (default: what is measured here).", valueName: "seconds"))
    var computeSeconds: Double?
    @OptionGroup var output: BenchmarkOutput

    func validate() throws {
        for count in hosts { try checkPositive("hosts", count, upTo: 4096) }
        try checkPositive("tokens-per-host", tokensPerHost, upTo: 1 << 20)
        try checkPositive("micro-batches", microBatches, upTo: ReductionTree.maxLeafCount)
        try checkPositive("threads", threads, upTo: 1024)
        for rate in links { try Self.check("links", rate, above: 0, upTo: 1e6) }
        try Self.check("latency", latency, above: -1, upTo: 1e9)
        if let computeSeconds { try Self.check("compute-seconds", computeSeconds, above: 0, upTo: 1e6) }
    }

    private static func check(_ option: String, _ value: Double, above least: Double, upTo most: Double) throws {
        guard value.isFinite, value > least, value <= most else {
            throw ValidationError("--\(option) is \(value), but must be above \(least) and at most \(most)")
        }
    }

    mutating func run() async throws {
        var shape = BenchmarkShape()
        shape.model = model
        let benchmark = ScalingBenchmark(
            specification: try shape.specification(), tokensPerHost: tokensPerHost, microBatches: microBatches,
            wire: wire, latency: latency * 1e-6)
        var host = try benchmark.measureHost(threads: threads, precision: try PrecisionOption.check(precision))
        if let computeSeconds { host.computeSeconds = computeSeconds }
        try output.show(benchmark.table(host, hosts: hosts, linkRates: links.map { $0 * 1e9 }))
    }
}
