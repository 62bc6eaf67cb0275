import Collectives
import Foundation
import Numerics
import Synchronization

/// The all-reduce alone: several ranks of one machine, each a thread with sockets of its own.
public struct AllReduceBenchmark: Sendable {
    /// How the ranks are connected.
    public enum Transport: String, Sendable, CaseIterable {
        // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
        case ipc, tcp
    }

    /// The number of ranks.
    public var ranks: Int
    /// Floats of the vectors.
    public var sizes: [Int]
    /// Repetitions of each size, after three that are not timed.
    public var repetitions: Int

    /// A benchmark of these parts.
    public init(ranks: Int, sizes: [Int], repetitions: Int) {
        self.ranks = ranks
        self.sizes = sizes
        self.repetitions = repetitions
    }

    /// One row a transport and size: the median time, and bytes of the vector over that time.
    public func table(_ transports: [Transport]) throws -> FigureTable {
        var table = FigureTable(columns: ["transport", "ranks", "bytes", "median_ms", "gigabytes_per_second"])
        for transport in transports {
            for size in sizes {
                let seconds = try median(transport, size)
                table.add([
                    .text(transport.rawValue), .number(Double(ranks), decimals: 0),
                    .number(Double(4 * size), decimals: 0), .number(seconds * 1e3, decimals: 3),
                    .number(Double(4 * size) / seconds * 1e-9, decimals: 2),
                ])
            }
        }
        return table
    }

    private func median(_ transport: Transport, _ size: Int) throws -> Double {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shoal-benchmark-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let reducers = try (0..<ranks).map { rank in
            let endpoint = transport == .tcp ? "tcp://127.0.0.1:*" : "ipc://\(folder.path)/\(rank)"
            return try AllReducer(rank: rank, worldSize: ranks, generation: 0, bind: endpoint)
        }
        defer { for reducer in reducers { reducer.close() } }
        let endpoints = reducers.map(\.endpoint)
        let times = Mutex<[Double]>([])
        let failure = Mutex<(any Error)?>(nil)
        ThreadTeam(count: ranks).run { rank in
            do {
                let found = try run(reducers[rank], endpoints, size)
                if rank == 0 { times.withLock { $0 = found } }
            } catch {
                failure.withLock { $0 = $0 ?? error }
                for reducer in reducers { reducer.abort(reason: "another rank failed") }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return Stopwatch.median(times.withLock { $0 })
    }

    /// The seconds of each all-reduce of this rank; all ranks take the same number of them.
    private func run(_ reducer: AllReducer, _ endpoints: [String], _ size: Int) throws -> [Double] {
        try reducer.connect(to: endpoints)
        let buffer = FloatBuffer(count: size)
        var times: [Double] = []
        for repetition in 0..<(repetitions + 3) {
            for i in 0..<size { buffer.pointer[i] = 1 }
            // An all-reduce of next to nothing: the ranks begin the real one together.
            try allReduce(reducer, UInt64(2 * repetition), buffer, 1)
            let start = Stopwatch.now()
            try allReduce(reducer, UInt64(2 * repetition + 1), buffer, size)
            if repetition >= 3 { times.append(Stopwatch.now() - start) }
        }
        return times
    }

    private func allReduce(_ reducer: AllReducer, _ step: UInt64, _ buffer: FloatBuffer, _ size: Int) throws {
        try reducer.begin(
            step: step, tree: ReductionTree(leafCount: ranks), partition: (0..<ranks).map { $0..<($0 + 1) },
            buckets: [0..<size], result: buffer.pointer)
        let node = TreeNode(level: 0, index: reducer.rank)
        reducer.submit(bucket: 0, contributions: [Contribution(node: node, base: buffer.pointer)])
        _ = try reducer.finish()
    }
}
