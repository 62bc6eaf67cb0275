import Collectives
import Foundation
import Numerics
import Support
import Synchronization

/// The all-reduce alone: several ranks of one machine, each a thread with sockets of its own, or one rank of several
/// machines.
public struct AllReduceBenchmark: Sendable {
    /// How the floats of ranks of one machine travel.
    public enum Transport: String, Sendable, CaseIterable {
        /// Ranks read each other's memory, as the workers of one machine do; only messages go through sockets.
        case memory
        /// Through Unix domain sockets.
        case ipc
        /// Through the loopback interface.
        case tcp
    }

    /// Floats of the vectors.
    public var sizes: [Int]
    /// Repetitions of each size, after some that are not timed.
    public var repetitions: Int
    /// Repetitions before, at most three.
    private var warmups: Int { min(3, repetitions) }
    private let options: AllReduceOptions

    /// A benchmark of these parts. What is sent does compress: floats as gradients have them. Ranks of several
    /// processes that can read each other's memory do so, unless `sharesMemory` says that they are to send all bytes.
    public init(
        sizes: [Int], repetitions: Int, wire: WirePrecision, compresses: Bool, sharesMemory: Bool = true
    ) {
        self.sizes = sizes
        self.repetitions = repetitions
        var options = AllReduceOptions()
        (options.wire, options.compresses, options.sharedMemory.isEnabled) = (wire, compresses, sharesMemory)
        options.timeouts.step = 600
        self.options = options
    }

    /// Vectors of fewer floats are sent, whatever the transport, as in training.
    public static var leastFloatsInMemory: Int {
        AllReduceOptions().sharedMemory.minimumBytes / MemoryLayout<Float>.stride
    }

    private static let columns = ["transport", "ranks", "bytes", "sent_bytes", "median_ms", "gigabytes_per_second"]

    /// Between threads of this process: one row per transport and size: the bytes of the vector, those that a rank
    /// sends, the median time, and the vector over that time.
    public func table(ranks: Int, _ transports: [Transport]) throws -> TextTable {
        var table = TextTable(columns: Self.columns)
        for transport in transports {
            for size in sizes {
                add(try local(transport, ranks, size), transport.rawValue, ranks, size, to: &table)
            }
        }
        return table
    }

    /// The median time of each size between `ranks` threads of this process.
    func seconds(ranks: Int, _ transport: Transport) throws -> [Double] {
        try sizes.map { try local(transport, ranks, $0).seconds }
    }

    /// As rank `rank` of those at `endpoints`, which run the same benchmark elsewhere.
    ///
    /// - Throws: if an endpoint cannot be bound or a peer does not come within the time-out.
    public func table(rank: Int, endpoints: [String], connectTimeout: Double) throws -> TextTable {
        var options = options
        options.timeouts.connect = connectTimeout
        let reducer = try AllReducer(
            rank: rank, worldSize: endpoints.count, generation: 0, bind: endpoints[rank], options: options)
        defer { reducer.close() }
        try reducer.connect(to: endpoints)
        var table = TextTable(columns: Self.columns)
        var step: UInt64 = 0
        for size in sizes {
            add(try run(reducer, size, step: &step), "tcp", endpoints.count, size, to: &table)
        }
        return table
    }

    /// What one rank saw of one size.
    private struct Outcome {
        var seconds: Double
        var sentBytes: Int
    }

    private func add(_ outcome: Outcome, _ transport: String, _ ranks: Int, _ size: Int, to table: inout TextTable) {
        table.add([
            .text(transport), .number(Double(ranks), decimals: 0), .number(Double(4 * size), decimals: 0),
            .number(Double(outcome.sentBytes), decimals: 0), .number(outcome.seconds * 1e3, decimals: 3),
            .number(Double(4 * size) / outcome.seconds * 1e-9, decimals: 3),
        ])
    }

    private func local(_ transport: Transport, _ ranks: Int, _ size: Int) throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shoal-benchmark-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let reducers = try (0..<ranks).map { rank in
            var options = options
            options.sharedMemory.isEnabled = transport == .memory
            let endpoint = transport == .tcp ? "tcp://127.0.0.1:*" : "ipc://\(folder.path)/\(rank)"
            return try AllReducer(rank: rank, worldSize: ranks, generation: 0, bind: endpoint, options: options)
        }
        defer { for reducer in reducers { reducer.close() } }
        let endpoints = reducers.map(\.endpoint)
        let outcome = Mutex(Outcome(seconds: 1, sentBytes: 0))
        let failure = Mutex<(any Error)?>(nil)
        try ThreadTeam(count: ranks).run { rank in
            do {
                try reducers[rank].connect(to: endpoints)
                var step: UInt64 = 0
                let found = try run(reducers[rank], size, step: &step)
                if rank == 0 { outcome.withLock { $0 = found } }
            } catch {
                failure.withLock { $0 = $0 ?? error }
                for reducer in reducers { reducer.abort(reason: "another rank failed") }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return outcome.withLock { $0 }
    }

    /// The all-reduces of this rank; all ranks take the same number of them.
    private func run(_ reducer: AllReducer, _ size: Int, step: inout UInt64) throws -> Outcome {
        let (values, buffer, residual) = (Self.gradient(size), FloatBuffer(count: size), FloatBuffer(count: size))
        var times: [Double] = []
        var sentBytes = 0
        for repetition in 0..<(repetitions + warmups) {
            buffer.pointer.update(from: values.pointer, count: size)
            // An all-reduce of next to nothing: the ranks begin the real one together.
            _ = try allReduce(reducer, step, buffer, residual, min(size, 1))
            let start = monotonicSeconds()
            sentBytes = try allReduce(reducer, step + 1, buffer, residual, size).bytesSent
            step += 2
            if repetition >= warmups { times.append(monotonicSeconds() - start) }
        }
        return Outcome(seconds: Stopwatch.median(times), sentBytes: sentBytes)
    }

    /// Normal floats, of another scale every 384, as the rows of a matrix have them.
    private static func gradient(_ count: Int) -> FloatBuffer {
        let floats = FloatBuffer(count: count)
        var stream = PhiloxStream(seed: 1, purpose: .shuffle, stream: 0)
        for i in 0..<count {
            // The sum of three uniform ones is close to normal.
            let sum = (0..<3).reduce(Float(-1.5)) { sum, _ in sum + Float(stream.next() >> 8) * 0x1p-24 }
            floats.pointer[i] = sum * Float(1 + i / 384 % 7) * 1e-4
        }
        return floats
    }

    private func allReduce(
        _ reducer: AllReducer, _ step: UInt64, _ buffer: FloatBuffer, _ residual: FloatBuffer, _ size: Int
    ) throws -> Reduction {
        let ranks = reducer.worldSize
        try reducer.begin(
            ReductionStep(
                number: step, tree: ReductionTree(leafCount: ranks), partition: (0..<ranks).map { $0..<($0 + 1) },
                buckets: [0..<size], result: buffer.pointer, residual: residual.pointer))
        let node = TreeNode(level: 0, index: reducer.rank)
        reducer.submit(bucket: 0, contributions: [Contribution(node: node, base: buffer.pointer)])
        return try reducer.finish()
    }
}
