import CKernels
import Foundation
import Numerics

/// The work of a step: merging, sending, summing.
extension AllReduceEngine {
    func begin(_ step: AllReduceStep) throws {
        self.step = step
        lastStep = step.number
        step.begunAt = Self.now()
        step.lastProgress = step.begunAt
        for peer in peers.indices { peers[peer].withdrewAt = nil }
        step.stamp = board?.beginLending() ?? 0
        let floats = step.plan.stackDepth * AllReducePlan.chunkFloats
        if floats > scratchFloats {
            scratch?.deallocate()
            scratch = UnsafeMutableRawPointer.allocate(byteCount: floats * 4, alignment: 64)
                .bindMemory(to: Float.self, capacity: floats)
            scratchFloats = floats
        }
        if !step.plan.ownsSegments[rank] {
            for peer in 0..<worldSize where peer != rank { try send(header(.begin), to: peer) }
        }
        try takeParked(for: step)
    }

    func submit(_ bucket: Int, _ contributions: [Contribution]) throws {
        guard let step else { throw AllReduceError.misuse("bucket \(bucket) submitted without a step under way") }
        let plan = step.plan
        guard plan.buckets.indices.contains(bucket), !step.submitted[bucket] else {
            throw AllReduceError.misuse("bucket \(bucket) of step \(step.number) is unknown or submitted twice")
        }
        guard let merging = plan.merging(contributions.map(\.node)) else {
            throw AllReduceError.misuse(
                "contributions \(contributions.map(\.node)) to bucket \(bucket) of step \(step.number) do not tile "
                    + "micro-batches \(plan.leaves)")
        }
        step.submitted[bucket] = true
        step.bucketsLeft -= 1
        step.lastProgress = Self.now()
        guard !plan.leaves.isEmpty else { return }
        for number in sendingOrder(plan.segmentsOfBucket[bucket], plan) {
            let segment = plan.segments[number]
            let at = segment.range.lowerBound
            for addition in merging.additions {
                // Lent to us to write to as well; see Contribution.
                let left = UnsafeMutablePointer(mutating: contributions[addition.left].base)
                shoal_add(left + at, contributions[addition.right].base + at, segment.range.count)
            }
            let held = merging.holders.map { contributions[$0].base + at }
            if segment.owner == rank {
                for (input, floats) in zip(plan.ownInputs, held) { step.payloads[number][input] = .own(floats) }
                step.missing[number] -= held.count
                if step.missing[number] == 0 { try reduce(number, step) }
                continue
            }
            for (input, floats) in zip(plan.ownInputs, held) {
                // Lent to us to write to, as above.
                round(UnsafeMutablePointer(mutating: floats), at, segment.range.count, step)
                var header = header(.contribution, segment: segment)
                header.nodeLevel = UInt32(plan.inputs[input].node.level)
                header.nodeIndex = UInt32(plan.inputs[input].node.index)
                let payload = UnsafeBufferPointer(start: floats, count: segment.range.count)
                try send(header.encoded(), payload, step, to: [segment.owner])
            }
        }
    }

    /// Rounds floats that are about to be sent, with what was lost at this place before; where nothing is rounded, does
    /// nothing.
    ///
    /// Residuals are added wherever this rank next has a say at their place, in a contribution or in a sum: so the sum
    /// over all steps of what went into the results is that of the true sums, but for what is being kept back.
    private func round(_ floats: UnsafeMutablePointer<Float>, _ at: Int, _ count: Int, _ step: AllReduceStep) {
        guard codec.wire == .bf16, worldSize > 1 else { return }
        if let residual = step.residual {
            shoal_round_with_feedback(floats, residual + at, count)
        } else {
            shoal_round_bf16(floats, count)
        }
    }

    /// All owners in turn, the next rank first, so that the ranks do not all send to the same one at once.
    private func sendingOrder(_ segments: Range<Int>, _ plan: AllReducePlan) -> [Int] {
        var seen = [Int](repeating: 0, count: worldSize)
        let keys = segments.map { number in
            let owner = plan.segments[number].owner
            seen[owner] += 1
            return (turn: seen[owner], distance: (owner - rank - 1 + worldSize) % worldSize, number: number)
        }
        return keys.sorted { ($0.turn, $0.distance) < ($1.turn, $1.distance) }.map(\.number)
    }

    /// Finishes the tree for a segment whose inputs are all there, chunk by chunk while they are in the cache, and
    /// sends the sum to all.
    func reduce(_ number: Int, _ step: AllReduceStep) throws {
        let plan = step.plan
        let segment = plan.segments[number]
        let payloads = step.payloads[number].compactMap { $0 }
        guard payloads.count == plan.inputs.count, let scratch else {
            preconditionFailure("a segment is reduced when all of its inputs are there")
        }
        withExtendedLifetime(payloads) {
            let inputs = payloads.map(\.pointer)
            var stack: [UnsafePointer<Float>] = []
            stack.reserveCapacity(plan.stackDepth)
            for chunk in 0..<segment.chunkCount {
                let start = chunk * AllReducePlan.chunkFloats
                let count = min(AllReducePlan.chunkFloats, segment.range.count - start)
                let sum = step.result + segment.range.lowerBound + start
                stack.removeAll(keepingCapacity: true)
                for (i, operation) in plan.program.enumerated() {
                    switch operation {
                    case .push(let input): stack.append(inputs[input] + start)
                    case .add:
                        let right = stack.removeLast()
                        let left = stack.removeLast()
                        // The last addition writes the result, after all reads: it may be one of the inputs.
                        let to =
                            i + 1 == plan.program.count
                            ? sum : scratch + stack.count * AllReducePlan.chunkFloats
                        add(left, right, to: to, count: count)
                        stack.append(to)
                    }
                }
                if let root = stack.last, root != UnsafePointer(sum) { sum.update(from: root, count: count) }
                round(sum, segment.range.lowerBound + start, count, step)
                step.partialSums[segment.firstChunk + chunk] = shoal_sum_of_squares(sum, count)
            }
        }
        step.payloads[number] = []
        step.segmentsLeft -= 1
        if worldSize > 1 { try sendResult(segment, step) }
    }

    private func sendResult(_ segment: AllReducePlan.Segment, _ step: AllReduceStep) throws {
        var header = header(.result, segment: segment)
        header.partialSums = UInt32(segment.chunkCount)
        var message = header.encoded(extra: 8 * segment.chunkCount)
        message.withUnsafeMutableBytes { bytes in
            for chunk in 0..<segment.chunkCount {
                bytes.storeBytes(
                    of: step.partialSums[segment.firstChunk + chunk].bitPattern.littleEndian,
                    toByteOffset: AllReduceHeader.byteCount + 8 * chunk, as: UInt64.self)
            }
        }
        try send(
            message, UnsafeBufferPointer(start: step.result + segment.range.lowerBound, count: segment.range.count),
            step,
            to: (1..<worldSize).map { (rank + $0) % worldSize })
    }

    /// `to = left + right`, where `to` may be either. IEEE addition commutes, so the order of the operands is free.
    private func add(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, to: UnsafeMutablePointer<Float>, count: Int
    ) {
        if left == UnsafePointer(to) {
            shoal_add(to, right, count)
        } else if right == UnsafePointer(to) {
            shoal_add(to, left, count)
        } else {
            shoal_sum(to, left, right, count)
        }
    }
}
