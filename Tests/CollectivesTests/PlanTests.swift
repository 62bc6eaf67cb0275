import Numerics
import Testing

@testable import Collectives

/// Which rank owns what, and what turns its inputs into the sum.
@Suite struct PlanTests {
    private func plan(
        _ rank: Int, of worldSize: Int, leafCount: Int = 8, buckets: [Range<Int>] = [0..<50_000, 50_000..<50_010]
    ) throws -> AllReducePlan {
        let tree = ReductionTree(leafCount: leafCount)
        return try AllReducePlan(
            rank: rank, worldSize: worldSize, segmentFloats: 8192, tree: tree,
            partition: (0..<worldSize).map { tree.leaves(rank: $0, worldSize: worldSize) }, buckets: buckets)
    }

    @Test(arguments: [1, 2, 3, 7, 16])
    func `every float has one owner and every chunk one place`(_ worldSize: Int) throws {
        let plan = try plan(0, of: worldSize)
        for (number, bucket) in plan.buckets.enumerated() {
            var at = bucket.lowerBound
            for segment in plan.segments[plan.segmentsOfBucket[number]] {
                #expect(segment.bucket == number && segment.range.lowerBound == at)
                #expect(segment.range.count <= 8192 && (0..<worldSize).contains(segment.owner))
                #expect(
                    plan.segment(bucket: number, offset: at) == plan.segments.firstIndex { $0.range.lowerBound == at })
                at = segment.range.upperBound
            }
            #expect(at == bucket.upperBound)
        }
        #expect(plan.segments.flatMap { Array($0.chunks) } == Array(0..<plan.chunkCount))
        #expect(plan.segment(bucket: 0, offset: 1) == nil)
        #expect(plan.segment(bucket: 2, offset: 0) == nil)
    }

    @Test func `all ranks have the same segments and nearly even shares`() throws {
        let plans = try (0..<3).map { try plan($0, of: 3, buckets: [0..<100_000]) }
        #expect(plans.allSatisfy { $0.segments.map(\.owner) == plans[0].segments.map(\.owner) })
        let shares = (0..<3).map { rank in
            plans[0].segments.filter { $0.owner == rank }.reduce(0) { $0 + $1.chunkCount }
        }
        #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1, "\(shares)")
    }

    @Test func `a rank sends to the next rank first and to all in turn`() throws {
        let plan = try plan(1, of: 3, buckets: [0..<300_000])
        let order = plan.sendingOrder(ofBucket: 0)
        #expect(order.sorted() == Array(plan.segmentsOfBucket[0]))
        #expect(order.prefix(6).map { plan.segments[$0].owner } == [2, 0, 1, 2, 0, 1])
        #expect(plan.otherRanks == [2, 0])
    }

    @Test func `contributions that do not tile the micro-batches of a rank are no contributions`() throws {
        let plan = try plan(1, of: 2)
        func nodes(_ list: (Int, Int)...) -> [TreeNode] { list.map { TreeNode(level: $0, index: $1) } }
        #expect(plan.merging(nodes((2, 1)))?.holders == [0])
        #expect(plan.merging(nodes((0, 7), (0, 4), (1, 3 - 1), (0, 6))) == nil, "micro-batch 4 twice")
        let merging = try #require(plan.merging(nodes((0, 7), (1, 2), (0, 6))))
        #expect(merging.holders == [1] && merging.additions.map(\.left) == [2, 1])
        #expect(plan.merging(nodes((2, 0))) == nil, "of another rank")
        #expect(plan.merging(nodes((1, 2))) == nil, "not all")
        #expect(plan.merging([]) == nil)
        #expect(plan.merging(nodes((99, 0))) == nil)
    }

    @Test func `more micro-batches than a step may have are refused`() {
        #expect(throws: AllReduceError.self) { try plan(0, of: 1, leafCount: ReductionTree.maxLeafCount + 1) }
        #expect(throws: Never.self) { try plan(0, of: 1, leafCount: ReductionTree.maxLeafCount) }
    }

    @Test(arguments: [1, 2, 5, 8, 13])
    func `a program adds in the order of the tree`(_ leafCount: Int) {
        let job = Job(leafCount: leafCount, buckets: [0..<9000], seed: UInt64(leafCount))
        let nodes = job.tree.cover(0..<leafCount / 2) + job.tree.cover(leafCount / 2..<leafCount)
        let inputs = nodes.map { Floats(job.naive($0) ?? []) }
        let program = SummationProgram(tree: job.tree, nodes: nodes)
        for isInPlace in [false, true] {
            let copies = inputs.map { input in Floats((0..<9000).map { input.pointer[$0] }) }
            let result = isInPlace ? copies[copies.count - 1] : Floats([Float](repeating: 7, count: 9000))
            var chunks: [Int] = []
            TreeSummation().sum(
                copies.map { UnsafePointer($0.pointer) }, by: program, count: 9000, into: result.pointer
            ) { chunk, floats in
                chunks.append(floats.count)
                #expect(chunk == chunks.count - 1)
            }
            #expect(result.bits == job.expected)
            #expect(chunks == [4096, 4096, 808])
        }
    }
}
