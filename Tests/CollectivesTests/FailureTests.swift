import Foundation
import Numerics
import Testing

@testable import Collectives

@Suite struct FailureTests {
    static var hasty: AllReduceOptions {
        var options = AllReduceOptions()
        options.connectTimeout = 0.3
        options.stepTimeout = 0.3
        options.lostPeerGrace = 0.1
        options.closeTimeout = 0.1
        return options
    }

    static let job = Job(leafCount: 4, buckets: [0..<5000, 5000..<9000], seed: 1)

    private func failure(_ body: () throws -> Void) -> AllReduceError? {
        do {
            try body()
            return nil
        } catch { return error as? AllReduceError }
    }

    @Test func `a peer that never answers the handshake is named`() throws {
        let folder = try World.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let lonely = try AllReducer(
            rank: 0, worldSize: 2, generation: 1, bind: "tcp://127.0.0.1:*", options: Self.hasty)
        let error = failure { try lonely.connect(to: [lonely.endpoint, "ipc://\(folder)/nobody"]) }
        #expect(error?.peerRanks == [1])
        #expect(error?.description.contains("connecting: no answer from rank 1 (ipc://\(folder)/nobody)") == true)
        #expect(failure { _ = try lonely.finish() } == error)
    }

    @Test func `a peer that is silent in a step is named with step and phase`() throws {
        let world = try World(2, options: Self.hasty)
        defer { world.close() }
        try world.connect()
        let error = failure {
            _ = try Self.job.run(
                world.reducers[0], step: 42, partition: [0..<2, 2..<4], singleLeaves: true, inPlace: true)
        }
        #expect(error?.peerRanks == [1])
        let text = error?.description ?? ""
        #expect(text.hasPrefix("step 42, waiting for contributions to bucket 0: no answer from rank 1 (ipc://"))
        #expect(!text.contains("\n"))
    }

    @Test func `a peer that has gone is reported long before the timeout`() throws {
        var options = Self.hasty
        options.stepTimeout = 600
        options.connectTimeout = 30
        let world = try World(3, .tcp, options: options)
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

    @Test func `abort ends a wait`() throws {
        var options = Self.hasty
        options.stepTimeout = 600
        let world = try World(2, options: options)
        defer { world.close() }
        try world.connect()
        let reducer = world.reducers[0]
        let errors = World.parallel(2) { i in
            if i == 1 {
                usleep(50_000)
                return reducer.abort(reason: "generation 2 began")
            }
            _ = try Self.job.run(reducer, step: 1, partition: [0..<2, 2..<4], singleLeaves: true, inPlace: true)
        }
        #expect(errors[0] as? AllReduceError == .aborted(reason: "generation 2 began"))
        #expect(failure { _ = try reducer.finish() } == .aborted(reason: "generation 2 began"))
    }

    @Test func `the close of one reducer while another thread waits ends the wait`() throws {
        var options = Self.hasty
        options.stepTimeout = 600
        let world = try World(2, options: options)
        defer { world.close() }
        try world.connect()
        let reducer = world.reducers[0]
        let errors = World.parallel(2) { i in
            if i == 1 {
                usleep(50_000)
                return reducer.close()
            }
            _ = try Self.job.run(reducer, step: 1, partition: [0..<2, 2..<4], singleLeaves: true, inPlace: true)
        }
        #expect(errors[0] is AllReduceError)
    }

    @Test func `peers that do not fit are refused with the reason`() throws {
        func meet(_ change: (inout AllReduceOptions) -> Void, worldSize: Int = 2, generation: UInt64 = 5) throws
            -> String
        {
            var options = Self.hasty
            let one = try AllReducer(
                rank: 0, worldSize: 2, generation: 5, bind: "tcp://127.0.0.1:*", options: options)
            defer { one.close() }
            change(&options)
            let other = try AllReducer(
                rank: 1, worldSize: worldSize, generation: generation, bind: "tcp://127.0.0.1:*", options: options)
            defer { other.close() }
            let endpoints = [one.endpoint] + Array(repeating: one.endpoint, count: worldSize - 1)
            return failure { try other.connect(to: endpoints) }?.description ?? "no error"
        }
        #expect(try meet { $0.segmentFloats = 8192 }.contains("segments of another size"))
        #expect(try meet({ _ in }, worldSize: 3).contains("another number of ranks"))
        #expect(try meet({ _ in }, generation: 4).contains("another generation"))
        // Ahead of the other: it may yet come after, so this one keeps asking.
        #expect(try meet({ _ in }, generation: 6).contains("no answer from rank 0"))
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
