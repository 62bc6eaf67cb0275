/// What of a step is here and what is awaited, and from whom. Pure bookkeeping over a plan.
struct StepProgress {
    /// A segment of this rank whose inputs are coming in.
    struct Gathering {
        /// By input: where its floats are, once they are here.
        fileprivate(set) var inputs: [SegmentInput?]
        fileprivate var missing: Int
    }

    /// What has become of a segment.
    enum SegmentState {
        /// This rank owns it, and gathers the inputs of its sum.
        case gathering(Gathering)
        /// Another rank owns it; its sum has not come yet.
        case awaitingSum
        /// Its sum is in the result.
        case done
    }

    private let plan: AllReducePlan
    private var segments: [SegmentState]
    /// Segments that are not done.
    private var segmentsLeft: Int
    private var isSubmitted: [Bool]
    /// Ranks that are known to have begun the step.
    private var hasBegun: [Bool]
    /// What each rank has attached to the step.
    private(set) var piggybacks: [[UInt8]?]

    /// Nothing has come yet.
    init(_ plan: AllReducePlan) {
        self.plan = plan
        let inputs = [SegmentInput?](repeating: nil, count: plan.inputs.count)
        segments = plan.segments.map {
            $0.owner == plan.rank ? .gathering(Gathering(inputs: inputs, missing: inputs.count)) : .awaitingSum
        }
        segmentsLeft = plan.segments.count
        isSubmitted = [Bool](repeating: false, count: plan.buckets.count)
        // A rank that owns a segment has begun if its sum is here.
        hasBegun = plan.ownsSegments
        hasBegun[plan.rank] = true
        piggybacks = [[UInt8]?](repeating: nil, count: plan.worldSize)
    }

    // MARK: what happens

    /// This rank hands `bucket` over; false if it is unknown or was handed over before.
    mutating func submit(_ bucket: Int) -> Bool {
        guard isSubmitted.indices.contains(bucket), !isSubmitted[bucket] else { return false }
        isSubmitted[bucket] = true
        return true
    }

    /// `rank` has begun the step; false if that was known.
    mutating func begin(_ rank: Int) -> Bool {
        defer { hasBegun[rank] = true }
        return !hasBegun[rank]
    }

    /// `rank` has attached bytes to the step; false if it had before.
    mutating func attach(_ piggyback: [UInt8], of rank: Int) -> Bool {
        guard piggybacks[rank] == nil else { return false }
        piggybacks[rank] = piggyback
        return true
    }

    /// Whether the input of a segment of this rank is awaited still.
    func awaits(input: Int, of segment: Int) -> Bool {
        guard case .gathering(let gathering) = segments[segment] else { return false }
        return gathering.inputs[input] == nil
    }

    /// An awaited input is here.
    ///
    /// - Returns: all inputs of the segment, once they are here: it is to be summed and then ``complete(_:)``.
    mutating func put(_ floats: SegmentInput, input: Int, of segment: Int) -> [SegmentInput]? {
        guard case .gathering(var gathering) = segments[segment], gathering.inputs[input] == nil else { return nil }
        // Out of the array while it changes, so that the inputs are not copied.
        segments[segment] = .awaitingSum
        gathering.inputs[input] = floats
        gathering.missing -= 1
        segments[segment] = .gathering(gathering)
        return gathering.missing == 0 ? gathering.inputs.compactMap { $0 } : nil
    }

    /// Whether the sum of a segment of another rank is awaited still.
    func awaitsSum(of segment: Int) -> Bool {
        if case .awaitingSum = segments[segment] { true } else { false }
    }

    /// The sum of a segment is in the result; its inputs are let go.
    mutating func complete(_ segment: Int) {
        if case .done = segments[segment] { return }
        segments[segment] = .done
        segmentsLeft -= 1
    }

    // MARK: what is awaited

    /// Whether this rank has handed `bucket` over.
    func isSubmitted(_ bucket: Int) -> Bool { isSubmitted[bucket] }

    /// Whether this rank's caller waits for the end: it has handed over its piggyback.
    var isFinishing: Bool { piggybacks[plan.rank] != nil }

    /// Everything is summed and submitted, and every rank has begun and given its piggyback. So no rank is ever more
    /// than one step ahead of another, which bounds what comes too early.
    var isComplete: Bool {
        segmentsLeft == 0 && isSubmitted.allSatisfy { $0 } && hasBegun.allSatisfy { $0 }
            && piggybacks.allSatisfy { $0 != nil }
    }

    /// The ranks that the step waits for, and what for.
    var awaited: (ranks: [Int], phase: String) {
        var ranks: Set<Int> = []
        var bucket: Int?
        for (i, state) in segments.enumerated() {
            guard case .gathering(let gathering) = state else { continue }
            for (k, input) in gathering.inputs.enumerated() where input == nil && plan.inputs[k].rank != plan.rank {
                ranks.insert(plan.inputs[k].rank)
                bucket = bucket ?? plan.segments[i].bucket
            }
        }
        if !ranks.isEmpty { return (ranks.sorted(), "waiting for contributions to bucket \(bucket ?? 0)") }
        ranks.formUnion(hasBegun.indices.filter { !hasBegun[$0] })
        if !ranks.isEmpty { return (ranks.sorted(), "waiting for the step to begin") }
        for (i, state) in segments.enumerated() {
            guard case .awaitingSum = state else { continue }
            ranks.insert(plan.segments[i].owner)
            bucket = bucket ?? plan.segments[i].bucket
        }
        if !ranks.isEmpty { return (ranks.sorted(), "waiting for the sum of bucket \(bucket ?? 0)") }
        return (piggybacks.indices.filter { piggybacks[$0] == nil }, "waiting for the end of the step elsewhere")
    }
}
