import Foundation
import Modeling
import Support
import Synchronization
import TestSupport
import Testing
import Training

@testable import Cluster

/// The queue of the compute thread, with the jobs of a rank that is alone.
@Suite struct WorkerComputeTests {
    private final class Results: Sendable {
        private let all = Mutex<[ComputeResult]>([])
        private let arrived = DispatchSemaphore(value: 0)

        func add(_ result: ComputeResult) {
            all.withLock { $0.append(result) }
            arrived.signal()
        }

        /// Waits until there is a result of which `isLast` says so.
        func wait(_ isLast: (ComputeResult) -> Bool) -> [ComputeResult] {
            while true {
                arrived.wait()
                let now = all.withLock { $0 }
                if now.contains(where: isLast) { return now }
            }
        }
    }

    /// A compute thread that has a replica of a tiny model.
    private func compute(
        _ results: Results, onReport: @escaping @Sendable (ComputeResult) -> Void = { _ in }
    ) throws -> WorkerCompute {
        let options = WorkerOptions(coordinator: "ipc:///nowhere")
        let compute = try WorkerCompute(
            options: options, dataAddress: try DataAddress(options), dataKeys: nil, logger: .silent,
            report: {
                results.add($0)
                onReport($0)
            })
        let model = ModelConfiguration.tiny(
            vocabulary: 10, hidden: 8, layers: 1, heads: 1, intermediate: 8, positions: 8, labels: ["a", "b"]
        ).classifier()
        let welcome = Welcome(
            modelSpecification: "{}", hyperparameters: "{}", seed: 1, shape: StateShape(ParameterLayout(model)),
            heartbeatTimeout: 5, orphanTimeout: 60, runID: "run")
        compute.submit(.prepare(model, Hyperparameters(), welcome))
        return compute
    }

    @Test(.timeLimit(.minutes(1)))
    func `work that is given up while more is submitted never blocks the queue`() throws {
        let results = Results()
        let compute = try compute(results)
        let generations: UInt64 = 100
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

    @Test(.timeLimit(.minutes(1)))
    func `work of a generation that waits is forgotten, and jobs after that are done`() throws {
        let results = Results()
        let isBusy = DispatchSemaphore(value: 0)
        let goesOn = DispatchSemaphore(value: 0)
        // What is submitted while the thread is busy with its first job waits in the queue.
        let compute = try compute(results) { result in
            guard case .bound(1, _) = result else { return }
            isBusy.signal()
            goesOn.wait()
        }
        compute.submit(.join(generation: 1, rank: 0, worldSize: 1, keys: []))
        isBusy.wait()
        compute.submit(.connect(generation: 1, [""]))
        compute.submit(.digest(generation: 1))
        compute.submit(.join(generation: 2, rank: 0, worldSize: 1, keys: []))
        compute.abandon("a test")
        compute.submit(.connect(generation: 2, [""]))
        goesOn.signal()
        let all = results.wait { result in if case .connected(2) = result { true } else { false } }
        #expect(all.count == 4, "prepared, joined, joined, connected: \(all)")
        compute.stop(seconds: 10)
    }
}
