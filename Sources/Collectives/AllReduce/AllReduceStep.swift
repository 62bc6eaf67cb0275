import CKernels
import Numerics

/// The algorithm: one step's direct reduce-scatter and all-gather over the fixed tree, as this rank takes part in it.
///
/// Every rank owns a slice of every bucket. A rank sends the owner the sums of its few subtrees of the slice
/// (reduce-scatter); the owner finishes the tree in its fixed order and sends the sum to all (all-gather). The order of
/// the additions is that of the tree, whatever comes when, so the sum has the same bits for every number of ranks.
///
/// It knows neither sockets nor time: what it sends goes to an outbox, what came is handed to it. Used by one thread.
final class AllReduceStep {
    /// The place of a contribution: an input of a segment that this rank owns.
    struct Slot: Equatable {
        var segment: Int
        var input: Int
    }

    let number: UInt64
    let plan: AllReducePlan
    private let result: UnsafeMutablePointer<Float>
    private let rounding: GradientRounding
    private let summation: TreeSummation
    private(set) var progress: StepProgress
    /// The sum of squares of each chunk.
    private var sumsOfSquares: [Double]
    /// Floats from the first to the last of all buckets.
    private let extent: Int

    /// A step in which nothing has happened.
    init(_ step: PlannedStep, wire: WirePrecision, summation: TreeSummation) {
        number = step.number
        plan = step.plan
        result = step.result
        rounding = wire == .bf16 && step.plan.worldSize > 1 ? .bfloat16(residual: step.residual) : .none
        self.summation = summation
        progress = StepProgress(step.plan)
        sumsOfSquares = [Double](repeating: 0, count: step.plan.chunkCount)
        let buckets = step.plan.buckets.filter { !$0.isEmpty }
        extent = (buckets.map(\.upperBound).max() ?? 0) - (buckets.map(\.lowerBound).min() ?? 0)
    }

    // MARK: this rank

    /// Sends `begin` if this rank owns no segment: otherwise its results show the others that it has begun.
    func begin(_ outbox: some AllReduceOutbox) throws(AllReduceError) {
        if !plan.ownsSegments[plan.rank] {
            try outbox.send(.begin, step: number, to: plan.otherRanks)
        }
    }

    /// This rank's part of a bucket: siblings are added in place, then each segment goes to its owner.
    func submit(
        _ bucket: Int, _ contributions: [Contribution], _ outbox: some AllReduceOutbox
    ) throws(AllReduceError) {
        guard progress.submit(bucket) else {
            throw .misuse("bucket \(bucket) of step \(number) is unknown or submitted twice")
        }
        guard let merging = plan.merging(contributions.map(\.node)) else {
            throw .misuse(
                "contributions \(contributions.map(\.node)) to bucket \(bucket) of step \(number) do not tile "
                    + "micro-batches \(plan.leaves)")
        }
        for contribution in contributions where overlapsResult(contribution) {
            throw .misuse(
                "contribution \(contribution.node) to bucket \(bucket) of step \(number) overlaps the result: it must "
                    + "be the result's own buffer, or apart from it")
        }
        guard !plan.leaves.isEmpty else { return }
        for number in plan.sendingOrder(ofBucket: bucket) {
            let segment = plan.segments[number]
            let at = segment.range.lowerBound
            for addition in merging.additions {
                // Lent to us to write to as well; see Contribution.
                let left = UnsafeMutablePointer(mutating: contributions[addition.left].base)
                shoal_add(left + at, contributions[addition.right].base + at, segment.range.count)
            }
            for (input, holder) in zip(plan.ownInputs, merging.holders) {
                let floats = contributions[holder].base + at
                if segment.owner == plan.rank {
                    try put(.own(floats), Slot(segment: number, input: input), outbox)
                    continue
                }
                // Lent to us to write to, as above.
                let lent = UnsafeMutableBufferPointer(
                    start: UnsafeMutablePointer(mutating: floats), count: segment.range.count)
                rounding.round(lent, at: at)
                try outbox.send(
                    .contribution(segment, node: plan.inputs[input].node, floats: UnsafeBufferPointer(lent)),
                    step: self.number, to: [segment.owner])
            }
        }
    }

    /// Whether a buffer lies so that writing the result would change it before it is read.
    private func overlapsResult(_ contribution: Contribution) -> Bool {
        let distance = Int(bitPattern: contribution.base) - Int(bitPattern: result)
        return distance != 0 && abs(distance) < extent * MemoryLayout<Float>.stride
    }

    /// This rank's caller waits for the end.
    func finish(piggyback: [UInt8], _ outbox: some AllReduceOutbox) throws(AllReduceError) {
        guard progress.attach(piggyback, of: plan.rank) else { return }
        try outbox.send(.piggyback(piggyback), step: number, to: plan.otherRanks)
    }

    // MARK: from the peers

    /// A peer has begun the step.
    func receiveBegin(from sender: Int) throws(MessageRefusal) {
        guard progress.begin(sender) else { throw MessageRefusal("a begin twice") }
    }

    /// A peer has attached bytes to the step.
    func receive(piggyback: [UInt8], from sender: Int) throws(MessageRefusal) {
        guard progress.attach(piggyback, of: sender) else { throw MessageRefusal("a piggyback twice") }
    }

    /// Where a contribution that `header` announces belongs; it is awaited there.
    func slot(ofContribution header: AllReduceHeader, from sender: Int) throws(MessageRefusal) -> Slot {
        let number = try segment(of: header)
        let node = TreeNode(level: Int(header.node.level), index: Int(header.node.index))
        guard plan.segments[number].owner == plan.rank, header.partialSums == 0,
            let input = plan.inputs.firstIndex(where: {
                $0.rank == sender && $0.node.level == node.level && $0.node.index == node.index
            })
        else { throw MessageRefusal("a contribution that is not its to make") }
        guard progress.awaits(input: input, of: number) else { throw MessageRefusal("a contribution twice") }
        return Slot(segment: number, input: input)
    }

    /// A contribution is here: once all are, the segment is summed and sent to all.
    func put(_ floats: SegmentInput, _ slot: Slot, _ outbox: some AllReduceOutbox) throws(AllReduceError) {
        guard let inputs = progress.put(floats, input: slot.input, of: slot.segment) else { return }
        try reduce(slot.segment, inputs, outbox)
    }

    /// Which segment a sum that `header` announces is of; it is awaited.
    func segment(ofSum header: AllReduceHeader, from sender: Int) throws(MessageRefusal) -> Int {
        let number = try segment(of: header)
        let segment = plan.segments[number]
        guard segment.owner == sender, Int(header.partialSums) == segment.chunkCount else {
            throw MessageRefusal("a result that is not its to give")
        }
        guard progress.awaitsSum(of: number) else { throw MessageRefusal("a result twice") }
        // The owner cannot know the sum before it has our part; until then the range is still being computed.
        guard plan.leaves.isEmpty || progress.isSubmitted(segment.bucket) else {
            throw MessageRefusal("a result before this rank's contributions")
        }
        return number
    }

    /// Puts the sum of a segment of another rank in its place.
    ///
    /// - Parameters:
    ///   - sumsOfSquares: Of the segment's chunks.
    ///   - fill: Writes the floats; false if it could not, and then they are awaited still.
    func putSum(
        _ segment: Int, sumsOfSquares sums: [Double], fill: (UnsafeMutableBufferPointer<Float>) throws -> Bool
    ) rethrows -> Bool {
        let range = plan.segments[segment].range
        guard try fill(UnsafeMutableBufferPointer(start: result + range.lowerBound, count: range.count)) else {
            return false
        }
        sumsOfSquares.replaceSubrange(plan.segments[segment].chunks, with: sums)
        progress.complete(segment)
        return true
    }

    private func segment(of header: AllReduceHeader) throws(MessageRefusal) -> Int {
        guard let offset = Int(exactly: header.offset),
            let number = plan.segment(bucket: Int(header.bucket), offset: offset),
            plan.segments[number].range.count == Int(header.count)
        else { throw MessageRefusal("a \(header.kind) for a range that is no segment") }
        return number
    }

    // MARK: the sum

    /// Finishes the tree for a segment whose inputs are all there, and sends the sum to all.
    private func reduce(
        _ number: Int, _ inputs: [SegmentInput], _ outbox: some AllReduceOutbox
    ) throws(AllReduceError) {
        let segment = plan.segments[number]
        let at = segment.range.lowerBound
        withExtendedLifetime(inputs) {
            summation.sum(inputs.map(\.pointer), by: plan.program, count: segment.range.count, into: result + at) {
                chunk, floats in
                rounding.round(floats, at: at + chunk * AllReducePlan.chunkFloats)
                sumsOfSquares[segment.firstChunk + chunk] = shoal_sum_of_squares(floats.baseAddress, floats.count)
            }
        }
        progress.complete(number)
        guard plan.worldSize > 1 else { return }
        try outbox.send(
            .sum(
                segment, sumsOfSquares: sumsOfSquares[segment.chunks],
                floats: UnsafeBufferPointer(start: result + at, count: segment.range.count)),
            step: self.number, to: plan.otherRanks)
    }

    /// The sum of squares of the whole result, in the order of the chunks, whichever ranks computed them.
    var sumOfSquares: Double { sumsOfSquares.reduce(0, +) }
}

/// A step as it is handed to the I/O thread.
///
/// Its memory belongs to that thread from the begin of the step until its end, which is why the pointers can be
/// `@unchecked Sendable` here.
struct PlannedStep: @unchecked Sendable {
    var number: UInt64
    var plan: AllReducePlan
    var result: UnsafeMutablePointer<Float>
    var residual: UnsafeMutablePointer<Float>?

    /// Plans `step` for a rank of `world`.
    init(_ step: ReductionStep, world: WorldDescription) throws(AllReduceError) {
        plan = try AllReducePlan(
            rank: world.rank, worldSize: world.size, segmentFloats: world.segmentFloats, tree: step.tree,
            partition: step.partition, buckets: step.buckets)
        number = step.number
        result = step.result
        residual = step.residual
    }
}
