import Collectives
import Modeling
import Numerics
import Support

/// Measures one host, and predicts what more of its kind would give.
public struct ScalingBenchmark: Sendable {
    /// What one host brings along.
    public struct Host: Sendable {
        /// Seconds of the forward and backward passes of its share of a step.
        public var computeSeconds: Double
        /// Seconds of the optimizer.
        public var optimizerSeconds: Double
        /// Of its processors, to send and receive a byte.
        public var secondsPerByte: Double
        /// Of its processors, for a message.
        public var secondsPerMessage: Double

        /// A host of these parts.
        public init(
            computeSeconds: Double, optimizerSeconds: Double = 0, secondsPerByte: Double = 0,
            secondsPerMessage: Double = 0
        ) {
            self.computeSeconds = computeSeconds
            self.optimizerSeconds = optimizerSeconds
            self.secondsPerByte = secondsPerByte
            self.secondsPerMessage = secondsPerMessage
        }
    }

    /// The model's shape.
    public var specification: ModelSpecification
    /// Tokens of a host's share of a step.
    public var tokensPerHost: Int
    /// Micro-batches of a host's share, one after the other.
    public var microBatches: Int
    /// The number format of gradients on the network.
    public var wire: WirePrecision
    /// Seconds that a message is under way.
    public var latency: Double

    /// A benchmark of these parts.
    public init(
        specification: ModelSpecification, tokensPerHost: Int, microBatches: Int, wire: WirePrecision, latency: Double
    ) {
        self.specification = specification
        self.tokensPerHost = tokensPerHost
        self.microBatches = microBatches
        self.wire = wire
        self.latency = latency
    }

    /// Measures this machine: a step with `threads` threads, and all-reduces over the loopback interface.
    public func measureHost(threads: Int, precision: Precision) throws -> Host {
        let length = min(64, specification.encoder.maxLength)
        let sequences = max(microBatches, (tokensPerHost + length - 1) / length)
        let step = StepBenchmark(
            specification: specification, lengths: [Int](repeating: length, count: sequences),
            microBatches: microBatches, threads: threads, steps: 5)
        let seconds = try step.seconds(precision) * Double(tokensPerHost) / Double(sequences * length)
        let (small, large) = (4096, 4 << 20)
        let times = try AllReduceBenchmark(sizes: [small, large], repetitions: 9, wire: wire, compresses: false)
            .seconds(ranks: 2, .tcp)
        // Two ranks: each sends the vector once, in four messages and more.
        let perByte = max(0, times[1] - times[0]) / Double(large * (wire == .float32 ? 4 : 2))
        return Host(computeSeconds: seconds, secondsPerByte: perByte, secondsPerMessage: times[0] / 4)
    }

    /// One row a link and number of hosts. `linkRates` are in bit/s.
    public func table(_ host: Host, hosts: [Int], linkRates: [Double]) -> TextTable {
        var table = TextTable(columns: [
            "gigabits_per_second", "hosts", "step_ms", "waiting_ms", "tokens_per_second", "efficiency",
        ])
        let alone = host.computeSeconds + host.optimizerSeconds
        for rate in linkRates {
            for count in hosts {
                let model = ScalingModel(
                    buckets: ScalingModel.buckets(
                        specification, tokens: Double(tokensPerHost * count), microBatches: microBatches,
                        computeSeconds: host.computeSeconds),
                    computeSeconds: host.computeSeconds, optimizerSeconds: host.optimizerSeconds,
                    linkRate: rate / 8 * ScalingModel.payloadShare, latency: latency,
                    bytesPerFloat: wire == .float32 ? 4 : 2, secondsPerByte: host.secondsPerByte,
                    secondsPerMessage: host.secondsPerMessage)
                let seconds = model.stepSeconds(hosts: count)
                table.add([
                    .number(rate * 1e-9, decimals: 1), .number(Double(count), decimals: 0),
                    .number(seconds * 1e3, decimals: 1), .number((seconds - alone) * 1e3, decimals: 1),
                    .number(Double(count * tokensPerHost) / seconds, decimals: 0),
                    .number(alone / seconds, decimals: 3),
                ])
            }
        }
        return table
    }
}
