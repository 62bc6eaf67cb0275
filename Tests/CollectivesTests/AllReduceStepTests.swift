import Numerics
import Testing

@testable import Collectives

/// The algorithm of one step, fed by hand.
@Suite struct AllReduceStepTests {
    /// Keeps what is sent.
    final class Outbox: AllReduceOutbox {
        var sent: [(message: AllReduceMessage, ranks: [Int])] = []
        func send(_ message: AllReduceMessage, step: UInt64, to ranks: [Int]) throws(AllReduceError) {
            sent.append((message, ranks))
        }
        /// In short, in order.
        var kinds: [String] {
            sent.map { message, ranks in
                switch message {
                case .begin: "begin \(ranks)"
                case .contribution(let segment, let node, _): "contribution \(node) at \(segment.range) \(ranks)"
                case .sum(let segment, _, _): "sum of \(segment.range) \(ranks)"
                case .piggyback(let bytes): "piggyback \(bytes) \(ranks)"
                }
            }
        }
    }

    private let world = WorldDescription(rank: 0, size: 2, generation: 1, segmentFloats: 4096, wire: .float32)
    private let own = Floats([Float](repeating: 1, count: 8192))
    private let outbox = Outbox()

    private func step(
        partition: [Range<Int>] = [0..<1, 1..<2], buckets: [Range<Int>] = [0..<8192]
    ) throws -> AllReduceStep {
        AllReduceStep(
            try PlannedStep(
                ReductionStep(
                    number: 3, tree: ReductionTree(leafCount: 2), partition: partition, buckets: buckets,
                    result: own.pointer), world: world),
            wire: .float32, summation: TreeSummation())
    }

    private func contribution(_ change: (inout AllReduceHeader) -> Void = { _ in }) -> AllReduceHeader {
        var header = world.header(.contribution, step: 3)
        (header.sender, header.node.index, header.count) = (1, 1, 4096)
        change(&header)
        return header
    }

    private func submit(_ step: AllReduceStep) throws {
        let node = TreeNode(level: 0, index: 0)
        try step.submit(0, [Contribution(node: node, base: own.pointer)], outbox)
    }

    @Test func `a step is complete when all sums, begins and piggybacks are there`() throws {
        let step = try step()
        try step.begin(outbox)
        #expect(outbox.sent.isEmpty, "its sum will show that it has begun")
        try submit(step)
        #expect(outbox.kinds == ["contribution 0:0 at 4096..<8192 [1]"])
        #expect(step.progress.awaited == ([1], "waiting for contributions to bucket 0"))
        let slot = try step.slot(ofContribution: contribution(), from: 1)
        let theirs = Floats([Float](repeating: 2, count: 4096))
        try step.put(.own(theirs.pointer), slot, outbox)
        #expect(outbox.kinds.last == "sum of 0..<4096 [1]")
        #expect(own.pointer[0] == 3 && own.pointer[4095] == 3 && own.pointer[4096] == 1)
        #expect(step.progress.awaited == ([1], "waiting for the sum of bucket 0"))
        var sum = world.header(.result, step: 3)
        (sum.sender, sum.offset, sum.count, sum.partialSums) = (1, 4096, 4096, 1)
        let segment = try step.segment(ofSum: sum, from: 1)
        #expect(!step.putSum(segment, sumsOfSquares: [9]) { _ in false })
        #expect(step.progress.awaited == ([1], "waiting for the sum of bucket 0"), "it could not be read")
        #expect(
            step.putSum(segment, sumsOfSquares: [9]) {
                $0.update(repeating: 5); return true
            })
        #expect(own.pointer[4096] == 5 && step.sumOfSquares == 9 * 4096 + 9)
        #expect(step.progress.awaited == ([0, 1], "waiting for the end of the step elsewhere"))
        #expect(!step.progress.isFinishing)
        try step.finish(piggyback: [7], outbox)
        #expect(outbox.kinds.last == "piggyback [7] [1]")
        #expect(step.progress.isFinishing && !step.progress.isComplete)
        try step.receive(piggyback: [8], from: 1)
        #expect(step.progress.isComplete)
        #expect(step.progress.piggybacks == [[7], [8]])
    }

    @Test func `a rank that owns nothing says that it has begun`() throws {
        let step = try step(buckets: [0..<4096])
        #expect(step.plan.ownsSegments == [false, true])
        try step.begin(outbox)
        #expect(outbox.kinds == ["begin [1]"])
    }

    @Test func `what lies about its place is refused`() throws {
        let step = try step()
        let lies: [(String, (inout AllReduceHeader) -> Void)] = [
            ("a contribution for a range that is no segment", { $0.offset = 1 }),
            ("a contribution for a range that is no segment", { $0.bucket = 1 }),
            ("a contribution for a range that is no segment", { $0.count = 4095 }),
            ("a contribution for a range that is no segment", { $0.offset = .max }),
            ("a contribution that is not its to make", { $0.offset = 4096 }),
            ("a contribution that is not its to make", { $0.node.index = 0 }),
            ("a contribution that is not its to make", { $0.node.level = .max }),
            ("a contribution that is not its to make", { $0.partialSums = 1 }),
        ]
        for (reason, lie) in lies {
            #expect(throws: MessageRefusal(reason)) { try step.slot(ofContribution: contribution(lie), from: 1) }
        }
        let slot = try step.slot(ofContribution: contribution(), from: 1)
        let theirs = Floats([Float](repeating: 2, count: 4096))
        try step.put(.own(theirs.pointer), slot, outbox)
        #expect(throws: MessageRefusal("a contribution twice")) {
            try step.slot(ofContribution: contribution(), from: 1)
        }
        var sum = world.header(.result, step: 3)
        (sum.sender, sum.offset, sum.count, sum.partialSums) = (1, 4096, 4096, 1)
        #expect(throws: MessageRefusal("a result before this rank's contributions")) {
            try step.segment(ofSum: sum, from: 1)
        }
        try submit(step)
        sum.partialSums = 2
        #expect(throws: MessageRefusal("a result that is not its to give")) { try step.segment(ofSum: sum, from: 1) }
        (sum.partialSums, sum.offset) = (1, 0)
        #expect(throws: MessageRefusal("a result that is not its to give")) { try step.segment(ofSum: sum, from: 1) }
        #expect(throws: MessageRefusal("a begin twice")) { try step.receiveBegin(from: 1) }
        try step.receive(piggyback: [], from: 1)
        #expect(throws: MessageRefusal("a piggyback twice")) { try step.receive(piggyback: [], from: 1) }
    }

    @Test func `a bucket is submitted once`() throws {
        let step = try step()
        try submit(step)
        #expect(throws: AllReduceError.misuse("bucket 0 of step 3 is unknown or submitted twice")) { try submit(step) }
        #expect(throws: AllReduceError.misuse("bucket 1 of step 3 is unknown or submitted twice")) {
            try step.submit(1, [], outbox)
        }
    }

    @Test func `rounding keeps back what it loses, or does not`() {
        let floats = Floats([1 + 0x1p-10, 2])
        let residual = Floats([0, 0, 0x1p-9, 0])
        let buffer = UnsafeMutableBufferPointer(start: floats.pointer, count: 2)
        GradientRounding.none.round(buffer, at: 2)
        #expect(floats.bits == [1 + 0x1p-10, 2].map { Float($0).bitPattern })
        GradientRounding.bfloat16(residual: residual.pointer).round(buffer, at: 2)
        #expect(floats.bits == [1, 2].map { Float($0).bitPattern })
        #expect(residual.bits == [0, 0, 0x1p-9 + 0x1p-10, 0].map { Float($0).bitPattern })
        floats.pointer[0] = 1 + 0x1p-10
        GradientRounding.bfloat16(residual: nil).round(buffer, at: 2)
        #expect(floats.bits == [1, 2].map { Float($0).bitPattern })
    }
}
