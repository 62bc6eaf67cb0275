import ArgumentParser
import Benchmarks
import Collectives
import Numerics
import Support

struct BenchmarkAllReduce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allreduce",
        abstract: "The all-reduce alone, between ranks on this machine or on several.",
        discussion: """
            Between machines, start it on each with the same --endpoints and its own --rank; rank 0 prints the table:

              \(CommandName.current) benchmark allreduce --insecure --rank 0 --endpoints tcp://10.0.0.1:7000 tcp://10.0.0.2:7000
            """)

    @Option(parsing: .unconditional, help: ArgumentHelp("Ranks on this machine.", valueName: "count"))
    var ranks = 2
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Lengths of the vectors, in floats.", valueName: "count"))
    var floats = [1000, 100_000, 1_000_000, 22_713_216]
    @Option(parsing: .unconditional, help: ArgumentHelp("Timed repetitions of each.", valueName: "count"))
    var repetitions = 15
    @Option(
        help: ArgumentHelp(
            "How ranks on this machine exchange vectors: memory (they read each other's, as workers do), ipc or tcp; may be "
                + "given several times (default: all three).", valueName: "name"))
    var transport: [AllReduceBenchmark.Transport] = []
    @Option(help: ArgumentHelp("In what floats are sent: float32 or bf16.", valueName: "name"))
    var wire = WirePrecision.float32
    @Flag(help: "Compresses what is sent.")
    var compressWire = false
    @Flag(
        inversion: .prefixedNo,
        help: "With --endpoints: ranks on one machine read each other's vectors in memory, or send all bytes.")
    var sharedMemory = true
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Where each rank listens, in order, for ranks on several machines.", valueName: "endpoint"))
    var endpoints: [String] = []
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Which of --endpoints this one is, from 0.", valueName: "number"))
    var rank: Int?
    @Option(parsing: .unconditional, help: ArgumentHelp("Seconds to wait for the other ranks.", valueName: "seconds"))
    var connectTimeout = 60.0
    @Flag(help: "Listens where other machines reach it, without encryption: on networks that you trust.")
    var insecure = false
    @OptionGroup var output: BenchmarkOutput

    func validate() throws {
        try checkPositive("ranks", ranks, upTo: 64)
        try checkPositive("repetitions", repetitions, upTo: 100_000)
        for count in floats { try checkPositive("floats", count, upTo: 1 << 30) }
        guard endpoints.isEmpty == (rank == nil) else {
            throw ValidationError("--rank and --endpoints belong together")
        }
        if rank == nil {
            guard sharedMemory else {
                throw ValidationError(
                    "--no-shared-memory is for --endpoints; without them, --transport ipc or tcp sends all bytes")
            }
            guard !insecure else { throw ValidationError("--insecure is for --endpoints: nothing else listens") }
        } else if !transport.isEmpty {
            throw ValidationError("--transport is for ranks on this machine: with --endpoints, those say how")
        }
        if let rank {
            guard endpoints.indices.contains(rank) else {
                throw ValidationError("--rank is \(rank), but --endpoints names \(endpoints.count) ranks, from 0")
            }
            guard insecure else {
                throw ValidationError(
                    "--endpoints would listen where other machines could send it anything; --insecure allows it on a "
                        + "network that you trust")
            }
        }
        guard connectTimeout.isFinite, connectTimeout > 0, connectTimeout <= 1e6 else {
            throw ValidationError("--connect-timeout is \(connectTimeout), but must be above 0 and at most 1000000")
        }
    }

    mutating func run() async throws {
        let benchmark = AllReduceBenchmark(
            sizes: floats, repetitions: repetitions, wire: wire, compresses: compressWire, sharesMemory: sharedMemory)
        guard let rank else {
            let transports = transport.isEmpty ? AllReduceBenchmark.Transport.allCases : transport
            try output.show(try benchmark.table(ranks: ranks, transports))
            let small = floats.filter { $0 < AllReduceBenchmark.leastFloatsInMemory }
            if transports.contains(.memory), !small.isEmpty {
                StandardError.write(
                    "vectors below \(AllReduceBenchmark.leastFloatsInMemory) floats are not read in memory: their rows of "
                        + "memory are those of ipc")
            }
            return
        }
        let table = try benchmark.table(rank: rank, endpoints: endpoints, connectTimeout: connectTimeout)
        if rank == 0 { try output.show(table) }
    }
}

extension AllReduceBenchmark.Transport: ExpressibleByArgument {}
extension WirePrecision: ExpressibleByArgument {}
