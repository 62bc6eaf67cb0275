import Numerics
import Testing

@testable import Collectives

/// The whole all-reduce over a network in memory, with a clock that the test moves.
@Suite struct EngineTests {
    @Test(arguments: [2, 3, 5, 8])
    func `ranks sum with the bits of the tree whatever order messages come in`(_ worldSize: Int) throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let world = SimulatedWorld(worldSize, options: SimulatedWorld.options)
            world.network.generator = WireTests.SplitMix(state: seed)
            world.connect()
            let job = Job(leafCount: 7, buckets: [0..<5000, 5000..<5010, 5010..<14_000], seed: seed)
            let partition = (0..<worldSize).map { job.tree.leaves(rank: $0, worldSize: worldSize) }
            var results: [Floats] = []
            var lent: [Floats] = []
            for rank in 0..<worldSize {
                let engine = try #require(world.engines[rank])
                let nodes = job.tree.cover(partition[rank])
                let buffers = nodes.map { Floats(job.naive($0) ?? []) }
                lent += buffers
                results.append(buffers.first ?? Floats([Float](repeating: 0, count: job.floats)))
                try engine.mailbox.begin(
                    PlannedStep(
                        ReductionStep(
                            number: seed, tree: job.tree, partition: partition, buckets: job.buckets,
                            result: results[rank].pointer),
                        world: engine.world))
                // Some have finished computing before others begin.
                if rank % 2 == 0 { world.settle() }
                for bucket in job.buckets.indices {
                    let contributions = zip(nodes, buffers).map { Contribution(node: $0, base: $1.pointer) }
                    engine.mailbox.post(.submit(bucket: bucket, contributions: contributions))
                }
                try engine.mailbox.requestFinish(piggyback: [UInt8(rank)])
            }
            world.settle()
            var sums: Set<Double> = []
            for rank in 0..<worldSize {
                guard case .finished(let reduction) = world.state(rank) else {
                    Issue.record("rank \(rank): \(String(describing: world.state(rank)))")
                    return
                }
                #expect(results[rank].bits == job.expected)
                #expect(reduction.piggybacks == (0..<worldSize).map { [UInt8($0)] })
                sums.insert(reduction.sumOfSquares)
            }
            #expect(sums.count == 1)
            withExtendedLifetime(lent) {}
        }
    }

    @Test func `a peer that never answers is named when the time is over and not before`() {
        let world = SimulatedWorld(3)
        world.add(0, options: SimulatedWorld.options)
        world.add(1, options: SimulatedWorld.options)
        world.connect()
        world.advance(29.9)
        #expect(world.failure(0) == nil)
        world.advance(0.1)
        let error = world.failure(0)
        #expect(error?.peerRanks == [2])
        #expect(error?.description.hasPrefix("connecting: no answer from rank 2 (memory://2) within 30.0 s") == true)
        #expect(world.state(0) == error.map { .failed($0) })
    }

    @Test func `hellos go out again until they are answered`() throws {
        let world = SimulatedWorld(2)
        world.add(0, options: SimulatedWorld.options)
        world.connect()
        let transport = try #require(world.transports[0])
        #expect(transport.retries == 1)
        world.advance(0.4)
        #expect(transport.retries == 1)
        world.advance(0.1)
        #expect(transport.retries == 2)
        world.add(1, options: SimulatedWorld.options)
        world.connect()
        #expect(world.state(0) == .idle && world.state(1) == .idle)
        world.advance(10)
        #expect(transport.retries == 2)
    }

    @Test func `peers that do not reach this rank are named once it reaches them`() {
        let world = SimulatedWorld(2)
        world.add(0, options: SimulatedWorld.options)
        world.connect()
        if let header = world.engines[0]?.world.header(.welcome).encoded() {
            world.network.deliverAnswer([header], of: 1, to: 0)
        }
        world.advance(30)
        #expect(world.failure(0)?.description.hasPrefix("waiting to be connected to: no answer from rank 1") == true)
    }

    @Test func `a peer that is silent in a step is named with step and phase`() throws {
        let world = SimulatedWorld(2, options: SimulatedWorld.options)
        world.connect()
        let buffer = try world.begin(0, step: 42)
        try world.finish(0)
        world.advance(59.9)
        #expect(world.failure(0) == nil)
        world.advance(0.1)
        #expect(world.failure(0)?.peerRanks == [1])
        let text = world.failure(0)?.description ?? ""
        #expect(text.hasPrefix("step 42, waiting for contributions to bucket 0: no answer from rank 1 (memory://1)"))
        #expect(!text.contains("\n"))
        withExtendedLifetime(buffer) {}
    }

    @Test func `progress gives a step more time`() throws {
        let world = SimulatedWorld(3, options: SimulatedWorld.options)
        world.connect()
        let buffers = [try world.begin(0), try world.begin(1)]
        try world.finish(0)
        world.advance(50)
        let late = try world.begin(2)
        world.advance(0)
        world.advance(50)
        // What rank 2 has said is 50 seconds old; the others still wait for the end of its step.
        #expect(world.failure(0) == nil)
        world.advance(10)
        #expect(world.failure(0)?.description.contains("waiting for the end of the step elsewhere") == true)
        withExtendedLifetime((buffers, late)) {}
    }

    @Test func `a lost peer is reported after the grace and long before the time-out`() throws {
        let world = SimulatedWorld(3, options: SimulatedWorld.options)
        world.connect()
        let buffers = [try world.begin(0), try world.begin(1)]
        try world.finish(0)
        try world.finish(1)
        world.network.disconnect(2)
        world.settle()
        world.advance(1.9)
        #expect(world.failure(0) == nil)
        world.advance(0.1)
        for rank in 0...1 {
            guard case .peerLost(let peer, let step, _) = world.failure(rank) else {
                Issue.record("rank \(rank): \(String(describing: world.failure(rank)))")
                continue
            }
            #expect(peer.rank == 2 && step == 1)
        }
        withExtendedLifetime(buffers) {}
    }

    @Test func `the time for a step follows the step before`() throws {
        var options = SimulatedWorld.options
        options.timeouts.step = 1
        options.timeouts.firstStep = 100
        options.timeouts.stepFactor = 3
        let world = SimulatedWorld(2, options: options)
        world.connect()
        var buffers = [try world.begin(0)]
        try world.finish(0)
        world.advance(50)
        #expect(world.failure(0) == nil, "the first step has 100 seconds")
        buffers.append(try world.begin(1))
        try world.finish(1)
        #expect(world.engines[0]?.timer.limit == 150)
        withExtendedLifetime(buffers) {}
    }

    @Test func `peers that do not fit are refused with the reason`() throws {
        func meet(
            _ change: (inout AllReduceOptions) -> Void = { _ in }, worldSize: Int = 2, generation: UInt64 = 5
        ) -> AllReduceError? {
            var options = SimulatedWorld.options
            let world = SimulatedWorld(3)
            world.add(0, options: options, worldSize: 2, generation: 5)
            change(&options)
            world.add(1, options: options, worldSize: worldSize, generation: generation)
            world.connect(1)
            world.settle()
            if world.failure(1) == nil { world.advance(30) }
            return world.failure(1)
        }
        #expect(meet({ $0.segmentFloats = 8192 })?.description.contains("segments of another size") == true)
        #expect(meet({ $0.wire = .bf16 })?.description.contains("another format") == true)
        #expect(meet(worldSize: 3)?.description.contains("another number of ranks") == true)
        #expect(meet(generation: 4)?.description.contains("another generation") == true)
        // Ahead of the other: it may yet come after, so this one keeps asking.
        #expect(meet(generation: 6)?.description.contains("no answer from rank 0") == true)
    }

    @Test func `an endpoint that nothing can connect to names its rank`() {
        let world = SimulatedWorld(2)
        world.add(0, options: SimulatedWorld.options)
        world.post(.connect(["memory://0", "inproc://x"]), to: 0)
        world.settle()
        #expect(
            world.failure(0)
                == .incompatiblePeer(
                    peer: .init(rank: 1, endpoint: "inproc://x"), reason: "nothing can connect to its endpoint"))
    }

    @Test func `a contribution that overlaps the result is refused`() throws {
        let reducer = try AllReducer(rank: 0, worldSize: 1, generation: 1, bind: "")
        defer { reducer.close() }
        let buffer = Floats([Float](repeating: 1, count: 200))
        for (step, distance) in [0, 100, 1, 99, 50].enumerated() {
            try reducer.begin(
                ReductionStep(
                    number: UInt64(step), tree: ReductionTree(leafCount: 1), partition: [0..<1], buckets: [0..<100],
                    result: buffer.pointer))
            let node = TreeNode(level: 0, index: 0)
            reducer.submit(bucket: 0, contributions: [Contribution(node: node, base: buffer.pointer + distance)])
            if distance == 0 || distance == 100 {
                #expect(try reducer.finish().sumOfSquares == 100)
                continue
            }
            #expect {
                try reducer.finish()
            } throws: {
                "\($0)".contains("contribution 0:0 to bucket 0 of step 2 overlaps the result")
            }
            return
        }
    }
}
