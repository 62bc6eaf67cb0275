import Foundation
import Synchronization
import Testing

@testable import Cluster

/// The queue of the compute thread, without a replica: jobs of one rank that need none.
@Suite struct WorkerComputeTests {
    private final class Results: Sendable {
        private let all = Mutex<[ComputeResult]>([])
        private let arrived = DispatchSemaphore(value: 0)

        func add(_ result: ComputeResult) {
            all.withLock { $0.append(result) }
            arrived.signal()
        }

        /// Waits for results until `isLast` says so of one.
        func wait(_ isLast: (ComputeResult) -> Bool) -> [ComputeResult] {
            var seen = 0
            while true {
                arrived.wait()
                let now = all.withLock { $0 }
                seen += 1
                if isLast(now[seen - 1]) { return now }
            }
        }
    }

    @Test func `work that is given up while more is submitted never blocks the queue`() throws {
        let results = Results()
        let options = WorkerOptions(coordinator: "ipc:///nowhere")
        let compute = try WorkerCompute(
            options: options, dataAddress: try DataAddress(options), dataKeys: nil, log: { _ in },
            report: { results.add($0) })
        let generations: UInt64 = 200
        for generation in 1...generations {
            compute.submit(.join(generation: generation, rank: 0, worldSize: 1, keys: []))
            // The queue of this generation is emptied while it is filled from another thread.
            DispatchQueue.concurrentPerform(iterations: 2) { thread in
                if thread == 0 {
                    compute.submit(.connect(generation: generation, [""]))
                    compute.submit(.connect(generation: generation, [""]))
                } else {
                    compute.abandon("a test")
                }
            }
        }
        compute.submit(.join(generation: generations + 1, rank: 0, worldSize: 1, keys: []))
        compute.submit(.connect(generation: generations + 1, [""]))
        let all = results.wait { result in
            if case .connected(generations + 1) = result { true } else { false }
        }
        let joined = all.compactMap { result -> UInt64? in
            if case .bound(let generation, _) = result { generation } else { nil }
        }
        // To join is no work of the generation before: it is never given up.
        #expect(joined == Array(1...(generations + 1)))
        compute.stop(seconds: 10)
    }

    @Test func `work of a generation that waits is forgotten, and jobs after that are done`() throws {
        let results = Results()
        let options = WorkerOptions(coordinator: "ipc:///nowhere")
        let compute = try WorkerCompute(
            options: options, dataAddress: try DataAddress(options), dataKeys: nil, log: { _ in },
            report: { results.add($0) })
        compute.submit(.join(generation: 1, rank: 0, worldSize: 1, keys: []))
        _ = results.wait { _ in true }
        compute.abandon("a test")
        // The all-reduce of generation 1 was aborted: it cannot connect any more.
        compute.submit(.connect(generation: 1, [""]))
        compute.submit(.join(generation: 2, rank: 0, worldSize: 1, keys: []))
        compute.submit(.connect(generation: 2, [""]))
        let all = results.wait { result in if case .connected(2) = result { true } else { false } }
        #expect(!all.contains { if case .connected(1) = $0 { true } else { false } })
        compute.stop(seconds: 10)
    }
}
