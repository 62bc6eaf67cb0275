import Numerics

/// The floats of a received frame.
///
/// Written once, when made: hence `@unchecked Sendable`.
final class ReceivedFloats: @unchecked Sendable {
    let pointer: UnsafePointer<Float>
    private let message: ZeroMQMessage?
    private let copy: UnsafeMutableRawPointer?

    init(_ message: ZeroMQMessage) {
        let bytes = message.bytes
        if let base = bytes.baseAddress, Int(bitPattern: base) % MemoryLayout<Float>.alignment == 0 {
            pointer = base.assumingMemoryBound(to: Float.self)
            self.message = message
            copy = nil
        } else {
            // The library packs small frames into one buffer, at any address.
            let aligned = UnsafeMutableRawPointer.allocate(byteCount: max(4, bytes.count), alignment: 64)
            aligned.copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(aligned), byteCount: bytes.count)
            pointer = UnsafePointer(aligned.assumingMemoryBound(to: Float.self))
            self.message = nil
            copy = aligned
        }
    }

    /// `count` floats that `fill` writes; nil if it says that it could not.
    init?(count: Int, fill: (UnsafeMutablePointer<Float>) -> Bool) {
        let made = UnsafeMutableRawPointer.allocate(byteCount: max(4, count * 4), alignment: 64)
        let floats = made.bindMemory(to: Float.self, capacity: max(1, count))
        pointer = UnsafePointer(floats)
        message = nil
        copy = made
        if !fill(floats) { return nil }
    }

    deinit { copy?.deallocate() }
}

/// One step under way. Made by the caller of `begin`, then used by the I/O thread alone: hence `@unchecked Sendable`.
final class AllReduceStep: @unchecked Sendable {
    /// Where the floats of an input of a segment are.
    enum Payload {
        /// In a buffer of this rank.
        case own(UnsafePointer<Float>)
        /// In a received frame.
        case received(ReceivedFloats)

        var pointer: UnsafePointer<Float> {
            switch self {
            case .own(let pointer): pointer
            case .received(let floats): floats.pointer
            }
        }
    }

    let number: UInt64
    let plan: AllReducePlan
    let result: UnsafeMutablePointer<Float>
    /// What rounding lost, at the places of the flat gradient; nil to let it be lost.
    let residual: UnsafeMutablePointer<Float>?
    /// Payloads lent to the library.
    var encoded: [OwnedBytes] = []
    /// Under which peers may read our memory.
    var stamp: UInt64 = 0

    /// By segment: what is there of its inputs; empty unless this rank owns it.
    var payloads: [[Payload?]]
    /// By segment: how many inputs (owner) or results (others) are still missing.
    var missing: [Int]
    /// Segments not in `result` yet.
    var segmentsLeft: Int
    var bucketsLeft: Int
    var submitted: [Bool]
    /// The sum of squares of each chunk.
    var partialSums: [Double]
    /// Ranks that are known to have begun this step.
    var begun: [Bool]
    /// What each rank has attached to the step.
    var piggybacks: [[UInt8]?]
    var bytesSent = 0
    /// Seconds, as all times of the engine.
    var begunAt = 0.0
    /// When something last came or went.
    var lastProgress = 0.0
    var isFinishing = false

    init(
        number: UInt64, plan: AllReducePlan, result: UnsafeMutablePointer<Float>,
        residual: UnsafeMutablePointer<Float>? = nil
    ) {
        self.residual = residual
        self.number = number
        self.plan = plan
        self.result = result
        payloads = plan.segments.map {
            $0.owner == plan.rank ? [Payload?](repeating: nil, count: plan.inputs.count) : []
        }
        missing = plan.segments.map { $0.owner == plan.rank ? plan.inputs.count : 1 }
        segmentsLeft = plan.segments.count
        bucketsLeft = plan.buckets.count
        submitted = [Bool](repeating: false, count: plan.buckets.count)
        partialSums = [Double](repeating: 0, count: plan.chunkCount)
        begun = plan.ownsSegments
        begun[plan.rank] = true
        piggybacks = [[UInt8]?](repeating: nil, count: plan.worldSize)
    }

    /// Everything reduced, submitted, and every rank has begun and given its piggyback.
    ///
    /// A rank that owns a segment has begun if its result is there. So nobody is ever more than one step ahead of
    /// anybody, which bounds what must be parked.
    var isComplete: Bool {
        segmentsLeft == 0 && bucketsLeft == 0 && begun.allSatisfy { $0 } && piggybacks.allSatisfy { $0 != nil }
    }

    /// The ranks that the step waits for, and what for.
    func waitingFor() -> (ranks: [Int], phase: String) {
        var ranks: Set<Int> = []
        var bucket: Int?
        for (i, segment) in plan.segments.enumerated() where segment.owner == plan.rank && missing[i] > 0 {
            for (k, payload) in payloads[i].enumerated() where payload == nil && plan.inputs[k].rank != plan.rank {
                ranks.insert(plan.inputs[k].rank)
                bucket = bucket ?? segment.bucket
            }
        }
        if !ranks.isEmpty { return (ranks.sorted(), "waiting for contributions to bucket \(bucket ?? 0)") }
        ranks.formUnion(begun.indices.filter { !begun[$0] })
        if !ranks.isEmpty { return (ranks.sorted(), "waiting for the step to begin") }
        for (i, segment) in plan.segments.enumerated() where segment.owner != plan.rank && missing[i] > 0 {
            ranks.insert(segment.owner)
            bucket = bucket ?? segment.bucket
        }
        if ranks.isEmpty {
            return (piggybacks.indices.filter { piggybacks[$0] == nil }, "waiting for the end of the step elsewhere")
        }
        return (ranks.sorted(), "waiting for the sum of bucket \(bucket ?? 0)")
    }
}
