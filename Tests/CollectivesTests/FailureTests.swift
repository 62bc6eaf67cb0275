import Foundation
import Numerics
import Testing

@testable import Collectives

@Suite struct FailureTests {
    /// Waits that no failure of these tests may need are far longer than any test.
    static var options: AllReduceOptions {
        var options = AllReduceOptions()
        options.timeouts.step = 600
        options.timeouts.close = 0.1
        return options
    }

    static let job = Job(leafCount: 4, buckets: [0..<5000, 5000..<9000], seed: 1)

    private func failure(_ body: () throws -> Void) -> AllReduceError? {
        do {
            try body()
            return nil
        } catch { return error as? AllReduceError }
    }

    @Test func `a closed peer is reported long before the time-out`() throws {
        let world = try World(3, .tcp, options: Self.options)
        defer { world.close() }
        try world.connect()
        world.reducers[2].close()
        let errors = World.parallel(2) { rank in
            _ = try Self.job.run(
                world.reducers[rank], step: 1, partition: [0..<1, 1..<2, 2..<4], singleLeaves: true, inPlace: true)
        }
        for error in errors {
            guard case .peerLost(_, let step, _) = error as? AllReduceError else {
                Issue.record("expected a lost peer, got \(String(describing: error))")
                continue
            }
            #expect(step == 1)
        }
    }

    /// Runs `interrupt` while another thread waits for a step that cannot end; what the wait threw.
    private func whileWaiting(_ interrupt: @escaping @Sendable (AllReducer) -> Void) throws -> AllReduceError? {
        let world = try World(2, options: Self.options)
        defer { world.close() }
        try world.connect()
        let reducer = world.reducers[0]
        let errors = World.parallel(2) { thread in
            guard thread == 1 else {
                _ = try Self.job.run(reducer, step: 1, partition: [0..<2, 2..<4], singleLeaves: true, inPlace: true)
                return
            }
            #expect(ConnectionTests.eventually { reducer.state == .finishing })
            interrupt(reducer)
        }
        let error = errors[0] as? AllReduceError
        #expect(failure { _ = try reducer.finish() } != nil)
        return error
    }

    @Test func `an abort ends a wait`() throws {
        let error = try whileWaiting { $0.abort(reason: "generation 2 began") }
        #expect(error == .aborted(reason: "generation 2 began"))
    }

    @Test func `the close of a reducer ends the wait of another thread`() throws {
        #expect(try whileWaiting { $0.close() } == .aborted(reason: "it was closed"))
    }

    @Test func `an address in use is named`() throws {
        let first = try AllReducer(rank: 0, worldSize: 2, generation: 1, bind: "tcp://127.0.0.1:*")
        defer { first.close() }
        let endpoint = first.endpoint
        let error = failure { _ = try AllReducer(rank: 1, worldSize: 2, generation: 1, bind: endpoint) }
        #expect(error?.description == "address already in use: \(endpoint), choose another port")
        let bad = failure { _ = try AllReducer(rank: 1, worldSize: 2, generation: 1, bind: "inproc://x") }
        #expect(bad?.description.hasPrefix("unknown transport: 'inproc://x'") == true)
    }

    @Test func `misuse is an error, not a crash`() throws {
        let reducer = try AllReducer(rank: 0, worldSize: 1, generation: 1, bind: "")
        defer { reducer.close() }
        let buffer = Floats([1, 2, 3, 4])
        func begin(_ partition: [Range<Int>], _ buckets: [Range<Int>], step: UInt64 = 1) -> AllReduceError? {
            failure {
                try reducer.begin(
                    ReductionStep(
                        number: step, tree: ReductionTree(leafCount: 2), partition: partition, buckets: buckets,
                        result: buffer.pointer))
            }
        }
        #expect(failure { _ = try reducer.finish() } == .misuse("finish without a step under way"))
        #expect(begin([0..<1], [0..<4])?.description.contains("does not cover 2 micro-batches") == true)
        #expect(begin([0..<3], [0..<4])?.description.contains("does not cover 2 micro-batches") == true)
        #expect(begin([0..<1, 1..<2], [0..<4])?.description.contains("a partition over 2 ranks") == true)
        #expect(begin([0..<2], [0..<3, 2..<4])?.description.contains("overlaps") == true)
        #expect(begin([0..<2], [0..<4]) == nil)
        #expect(begin([0..<2], [0..<4], step: 2)?.description.contains("before the last one was finished") == true)
        // Before the submit, which makes the step fail as soon as the engine's thread looks at it.
        let tooLong = [UInt8](repeating: 0, count: Reduction.maxPiggybackBytes + 1)
        #expect(
            failure { _ = try reducer.finish(piggyback: tooLong) }?.description.contains("a piggyback of 65537 bytes")
                == true)
        reducer.submit(
            bucket: 0, contributions: [Contribution(node: TreeNode(level: 0, index: 0), base: buffer.pointer)])
        #expect(failure { _ = try reducer.finish() }?.description.contains("do not tile micro-batches 0..<2") == true)
    }
}
