import Collectives
import Foundation
import Numerics
import Synchronization
import Testing

@testable import Training

/// Steps over ranks of this process, each a thread with a replica of its own, that reduce by `ipc://`.
enum TinyRanks {
    /// Takes `steps` steps of so many micro-batches; all ranks must end with the same, which is returned.
    ///
    /// - Parameters:
    ///   - replica: Makes the replica of a rank.
    ///   - work: Makes the work of a rank from its micro-batches and the step.
    ///   - result: What is compared.
    static func run<Result: Equatable & Sendable>(
        ranks: Int, microBatches: Int = 7, steps: Int, options: AllReduceOptions = .init(),
        replica: @escaping @Sendable () throws -> ModelReplica,
        work: @escaping @Sendable (Range<Int>, UInt64) -> StepWork,
        result: @escaping @Sendable (ModelReplica, [StepOutcome]) -> Result
    ) throws -> Result {
        let folder = NSTemporaryDirectory() + "shoal-ranks-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reducers = try (0..<ranks).map {
            try AllReducer(
                rank: $0, worldSize: ranks, generation: 1, bind: "ipc://\(folder)/\($0)", options: options)
        }
        defer { for reducer in reducers { reducer.close() } }
        let endpoints = reducers.map(\.endpoint)
        let tree = ReductionTree(leafCount: microBatches)
        let partition = (0..<ranks).map { tree.leaves(rank: $0, worldSize: ranks) }
        let results = Mutex([Result?](repeating: nil, count: ranks))
        let failures = Mutex<[String]>([])
        let group = DispatchGroup()
        for (rank, reducer) in reducers.enumerated() {
            group.enter()
            Thread.detachNewThread {
                defer { group.leave() }
                do {
                    if ranks > 1 { try reducer.connect(to: endpoints) }
                    let replica = try replica()
                    let step = TrainingStep(replica, reducer: reducer)
                    let outcomes = try (0..<steps).map { number in
                        try step.run(
                            work(partition[rank], UInt64(number)), partition: partition, learningRate: 0.01)
                    }
                    let found = result(replica, outcomes)
                    results.withLock { $0[rank] = found }
                } catch {
                    failures.withLock { $0.append("rank \(rank): \(error)") }
                }
            }
        }
        group.wait()
        #expect(failures.withLock { $0 } == [])
        let all = results.withLock { $0.compactMap { $0 } }
        let first = try #require(all.first)
        #expect(all.count == ranks && all.allSatisfy { $0 == first })
        return first
    }
}
