import Foundation
import Modeling
import Numerics
import Synchronization
import TestSupport
import Testing

@testable import Training

/// The two halves of a step, without processes: what a replica sums, and what it refuses.
@Suite struct ModelReplicaTests {
    private func replica(threads: Int = 1, precision: Precision = .float32) throws -> ModelReplica {
        try TinyReplica.make(threads: threads, precision: precision)
    }

    private func work(leaves: Int, _ part: Range<Int>? = nil) -> StepWork {
        TinyReplica.work(microBatches: leaves, part)
    }

    /// The flat sums of the nodes that a replica hands over, copied.
    private func sums(_ replica: ModelReplica, _ work: StepWork) throws -> [(node: TreeNode, values: [Float])] {
        let announced = Mutex<[(bucket: Int, contributions: [Contribution])]>([])
        let results = try replica.computeGradients(work) { bucket, contributions in
            announced.withLock { $0.append((bucket, contributions)) }
        }
        #expect(results.map(\.index) == Array(work.ownMicroBatches))
        let buckets = replica.buckets(work)
        return announced.withLock { announced in
            let expected = work.microBatches.isEmpty ? [] : Array(buckets.indices)
            #expect(announced.map(\.bucket) == expected, "each bucket once, in order; without micro-batches none")
            return (announced.first?.contributions ?? []).map { contribution in
                (contribution.node, buckets.flatMap { bucket in bucket.map { contribution.base[$0] } })
            }
        }
    }

    /// Finishes the tree over `nodes`, the plain way.
    private func root(_ nodes: [(node: TreeNode, values: [Float])], leaves: Int) -> [Float] {
        let tree = ReductionTree(leafCount: leaves)
        var stack: [(node: TreeNode, values: [Float])] = []
        for node in nodes.sorted(by: { $0.node < $1.node }) {
            stack.append(node)
            while let merge = tree.nextMerge(stack.map(\.node)) {
                let top = stack.removeLast()
                guard merge == .add else {
                    stack.append((top.node.parent, top.values))
                    continue
                }
                let left = stack.removeLast()
                stack.append((top.node.parent, zip(left.values, top.values).map { $0 + $1 }))
            }
        }
        #expect(stack.map(\.node) == [tree.root])
        return stack.first?.values ?? []
    }

    /// Those that this processor has.
    private static let precisions = Precision.allCases.filter { $0.unsupportedReason == nil }

    @Test(arguments: [1, 2, 3, 5, 8].flatMap { n in [(n, 1), (n, 2), (n, 3)] }, precisions)
    func `sums are those of the leaves in the order of the tree`(
        size: (leaves: Int, threads: Int), precision: Precision
    ) throws {
        let (leaves, threads) = size
        let alone = try replica(precision: precision)
        let separate = try (0..<leaves).flatMap { try sums(alone, work(leaves: leaves, $0..<($0 + 1))) }
        // A leaf that ends the tree may arrive under the name of a node above it.
        let expected = root(separate, leaves: leaves)
        #expect(expected.contains { $0 != 0 })

        let many = try replica(threads: threads, precision: precision)
        #expect(root(try sums(many, work(leaves: leaves)), leaves: leaves) == expected, "all on one rank")
        for cut in 0...leaves {
            let left = try sums(many, work(leaves: leaves, 0..<cut))
            let right = try sums(many, work(leaves: leaves, cut..<leaves))
            #expect(root(left + right, leaves: leaves) == expected, "cut at \(cut)")
        }
    }

    @Test func `a rank without micro-batches is quiet, and has memory for the result`() throws {
        let replica = try replica()
        let empty = work(leaves: 2, 0..<0)
        #expect(try replica.computeGradients(empty) { _, _ in Issue.record("nothing to announce") }.isEmpty)
        let last = try #require(replica.buckets(empty).last)
        replica.resultBuffer(empty)[last.upperBound - 1] = 1
    }

    @Test(arguments: [Double.infinity, .nan])
    func `a norm that is not finite changes nothing`(sumOfSquares: Double) throws {
        let replica = try replica()
        let work = work(leaves: 2)
        _ = try replica.computeGradients(work) { _, _ in }
        let before = Array(replica.weights.elements)
        #expect(throws: NonFiniteError(.gradient, step: 3)) {
            try replica.apply(
                gradientSum: replica.resultBuffer(work), work: work, sumOfSquares: sumOfSquares, learningRate: 1)
        }
        #expect(Array(replica.weights.elements) == before)
        #expect(replica.appliedSteps == 0)
    }

    @Test func `a loss that is not finite names its micro-batch`() throws {
        let replica = try replica()
        var work = work(leaves: 4, 1..<4)
        // Token 29 is in no other micro-batch.
        work.microBatches[1].tokenIDs[0] = 29
        work.embeddingRows.append(29)
        let words = try #require(replica.layout.parameters.last)
        replica.weights.pointer[words.offset + 29 * 16] = .nan
        #expect(throws: NonFiniteError(.loss, step: 3, microBatch: 2)) {
            try replica.computeGradients(work) { _, _ in }
        }
        #expect(try replica.firstNonFiniteMicroBatch(work) == 2)
    }

    /// Huge classifier weights on a pooled vector of zeros: finite logits, and a gradient beyond all floats.
    @Test(arguments: [1, 2])
    func `a gradient that is not finite is found though the loss is`(threads: Int) throws {
        let replica = try replica(threads: threads)
        let work = work(leaves: 4, 2..<4)
        #expect(try replica.firstNonFiniteMicroBatch(work) == nil)
        for parameter in replica.layout.parameters {
            let isPooler = BERT.tensorName(parameter.id).hasPrefix("bert.pooler")
            let isNorm = BERT.tensorName(parameter.id) == "bert.encoder.layer.1.output.LayerNorm.weight"
            let isHead = BERT.tensorName(parameter.id) == "classifier.weight"
            guard isPooler || isNorm || isHead else { continue }
            for i in 0..<parameter.count {
                let sign: Float = i / 16 == 0 ? 1 : -1
                replica.weights.pointer[parameter.offset + i] = isPooler ? 0 : isNorm ? 100 : sign * 3e38
            }
        }
        let results = try replica.computeGradients(work) { _, _ in }
        #expect(results.allSatisfy { $0.lossSum.isFinite })
        #expect(try replica.firstNonFiniteMicroBatch(work) == 2)
    }

    @Test func `work from outside is checked`() throws {
        let model = TinyReplica.specification
        try work(leaves: 3).validate(model)
        func refused(_ change: (inout StepWork) -> Void) {
            var bad = work(leaves: 3)
            change(&bad)
            #expect(throws: ModelError.self) { try bad.validate(model) }
        }
        refused { $0.microBatchCount = 0 }
        refused { $0.microBatchCount = .max }
        refused { $0.microBatchCount = 2 }
        refused { $0.firstMicroBatch = 1 }
        refused { $0.firstMicroBatch = -1 }
        refused { $0.firstMicroBatch = .max }
        refused { $0.gradientDivisor = 0 }
        refused { $0.embeddingRows.append(30) }
        refused { $0.embeddingRows.insert(-1, at: 0) }
        refused { $0.embeddingRows.swapAt(0, 1) }
        refused { $0.embeddingRows.append($0.embeddingRows.last ?? 0) }
        refused { $0.microBatches[0].targets = .none }
        refused { $0.microBatches[0].tokenIDs[0] = 30 }
    }
}
