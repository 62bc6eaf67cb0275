import Foundation
import Numerics
import Testing

@testable import Collectives

@Suite struct SameBitsTests {
    /// Buckets that end within chunks and segments, and one that is smaller than a chunk.
    static let buckets = [0..<5_000, 5_000..<5_010, 5_010..<14_000]

    static var options: AllReduceOptions {
        var options = AllReduceOptions()
        options.segmentFloats = 4096
        options.sockets.zeroCopyBytes = 8192
        options.timeouts.step = 30
        return options
    }

    @Test(arguments: World.Transport.allCases, [1, 2, 3, 4, 7])
    func `every world size and leaf count gives the bits of the tree`(_ transport: World.Transport, _ worldSize: Int)
        throws
    {
        let world = try World(worldSize, transport, options: Self.options)
        defer { world.close() }
        try world.connect()
        for leafCount in 1...16 {
            let job = Job(leafCount: leafCount, buckets: Self.buckets, seed: UInt64(leafCount))
            let expected = job.expected
            let partition = (0..<worldSize).map { job.tree.leaves(rank: $0, worldSize: worldSize) }
            try world.each { reducer in
                let got = try job.run(
                    reducer, step: UInt64(leafCount), partition: partition, singleLeaves: leafCount % 2 == 0,
                    inPlace: leafCount % 3 != 0, jitter: leafCount % 5 == 0)
                #expect(got.bits == expected, "rank \(reducer.rank) of \(worldSize), \(leafCount) leaves")
            }
        }
        #expect(world.reducers.allSatisfy { $0.refusedMessages == 0 })
    }

    @Test func `any partition and world size gives the same sum of squares`() throws {
        let job = Job(leafCount: 8, buckets: Self.buckets, seed: 3)
        let partitions: [[Range<Int>]] = [
            [0..<8], [0..<8, 8..<8], [0..<1, 1..<8], [3..<8, 0..<3], [0..<0, 0..<5, 5..<8], [6..<8, 2..<6, 0..<2],
        ]
        let sums = LockedArray<Double>(repeating: 0, count: 0)
        let expected = job.expected
        for partition in partitions {
            let world = try World(partition.count, options: Self.options)
            defer { world.close() }
            try world.connect()
            try world.each { reducer in
                let got = try job.run(
                    reducer, step: 7, partition: partition, singleLeaves: true, inPlace: true, jitter: true)
                #expect(got.bits == expected)
                sums.append(got.reduction.sumOfSquares)
            }
        }
        let direct = expected.reduce(0.0) { $0 + pow(Double(Float(bitPattern: $1)), 2) }
        #expect(Set(sums.values).count == 1)
        #expect(abs((sums.values.first ?? 0) / direct - 1) < 1e-12)
    }

    @Test func `a last bucket of varying length and empty buckets work`() throws {
        let world = try World(2, options: Self.options)
        defer { world.close() }
        try world.connect()
        for (step, length) in [5, 40_000, 0, 4096, 1].enumerated() {
            let job = Job(leafCount: 4, buckets: [0..<5000, 5000..<5000, 5000..<(5000 + length)], seed: 9)
            let expected = job.expected
            try world.each { reducer in
                let got = try job.run(
                    reducer, step: UInt64(step), partition: [0..<2, 2..<4], singleLeaves: false, inPlace: true)
                #expect(got.bits == expected)
            }
        }
    }

    @Test func `nothing outside of the buckets is written`() throws {
        let world = try World(2, options: Self.options)
        defer { world.close() }
        try world.connect()
        let job = Job(leafCount: 2, buckets: [100..<6000, 7000..<20_000], seed: 5)
        let expected = job.expected
        try world.each { reducer in
            let got = try job.run(reducer, step: 0, partition: [0..<1, 1..<2], singleLeaves: true, inPlace: false)
            let untouched = Float(123.5).bitPattern
            #expect(got.bits[..<100].allSatisfy { $0 == untouched })
            #expect(got.bits[6000..<7000].allSatisfy { $0 == untouched })
            #expect(got.bits[100..<6000] == expected[100..<6000])
            #expect(got.bits[7000...] == expected[7000...])
        }
    }

    @Test func `large segments sent without copy give the same bits`() throws {
        for transport in World.Transport.allCases {
            let world = try World(3, transport)
            defer { world.close() }
            try world.connect()
            let job = Job(leafCount: 4, buckets: [0..<600_000, 600_000..<610_001], seed: 11)
            let expected = job.expected
            let partition = (0..<3).map { job.tree.leaves(rank: $0, worldSize: 3) }
            try world.each { reducer in
                let got = try job.run(reducer, step: 1, partition: partition, singleLeaves: true, inPlace: true)
                #expect(got.bits == expected)
            }
        }
    }

    /// In a process of its own, so that nothing else takes memory.
    @Test func `thousands of steps leave nothing behind`() async {
        await #expect(processExitsWith: .success) {
            let world = try World(2, options: SameBitsTests.options)
            try world.connect()
            let (floats, steps) = (16_384, 3000)
            let values = (0..<2).map { Floats(Array(repeating: Float($0 + 1), count: floats)) }
            func run(_ steps: Range<Int>) throws {
                try world.each { reducer in
                    let mine = values[reducer.rank]
                    for step in steps {
                        try reducer.begin(
                            ReductionStep(
                                number: UInt64(step), tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2],
                                buckets: [0..<floats], result: mine.pointer))
                        let node = TreeNode(level: 0, index: reducer.rank)
                        reducer.submit(bucket: 0, contributions: [Contribution(node: node, base: mine.pointer)])
                        _ = try reducer.finish()
                        mine.pointer[0] /= 2
                    }
                }
            }
            func residentBytes() throws -> Int {
                let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
                let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
                return (Int(line.filter(\.isNumber)) ?? 0) << 10
            }
            try run(0..<300)
            let before = try residentBytes()
            try run(300..<(300 + steps))
            let grown = try residentBytes() - before
            // What leaks, leaks in every step: a tenth of the smallest payload, 4096 floats, would be more than this.
            #expect(grown < steps * 4096 * 4 / 10, "\(grown) bytes")
            #expect(values[0].pointer[0] == 1.5)
            world.close()
        }
    }
}
