import Modeling

/// Micro-batches to be tokenized and packed.
enum BatchRequest: Sendable, Equatable {
    /// Those of a step.
    case step(Int)
    /// Those of an order of an evaluation: of `examples`, by `batchSize`.
    case evaluation(id: UInt32, EvaluationKind, examples: Range<Int>, batchSize: Int)
}

/// What came of a ``BatchRequest``.
enum PrefetchedBatches: Sendable {
    case step(PackedStep)
    case evaluation(id: UInt32, [PackedBatch])
}

/// All micro-batches of a step, packed: the same for any assignment to ranks, and whatever came before.
struct PackedStep: Sendable, Equatable {
    /// From 0.
    var step: Int
    /// From 0.
    var epoch: Int
    var sampleCount: Int
    var batches: [PackedBatch]
    /// What the summed gradient is divided by: see `Objective.weight(of:)`.
    var gradientDivisor: Double
    /// The distinct token ids, ascending.
    var embeddingRows: [Int32]
    var tokenCount: Int
}

/// Steps whose micro-batches are packed ahead of their orders. At most ``window`` are asked for or held at a time.
struct StepPrefetch: Sendable {
    /// Steps from the first one not completed.
    let window: Int
    private var packed: [Int: PackedStep] = [:]
    private var requested: Set<Int> = []

    /// - Parameter lookahead: The steps that are ordered ahead; as many again are packed meanwhile, and all that a
    ///   worker has records of.
    init(lookahead: Int) { window = max(2 * lookahead, ControlLimits.maxRecords) }

    /// The micro-batches of a step, if they are there.
    func step(_ step: Int) -> PackedStep? { packed[step] }

    /// Whether those of all these steps are there.
    func holds(_ steps: Range<Int>) -> Bool { steps.allSatisfy { packed[$0] != nil } }

    /// The run is at `first`: forgets the steps before, and asks for those up to `end` that fit into the window.
    mutating func advance(to first: Int, end: Int, _ transition: inout Transition) {
        let wanted = first..<max(first, min(end, first + window))
        packed = packed.filter { wanted.contains($0.key) }
        // What is under way and not wanted any more is dropped when it comes.
        requested = requested.filter { wanted.contains($0) }
        for step in wanted where packed[step] == nil && requested.insert(step).inserted {
            transition.perform(.prefetch(.step(step)))
        }
    }

    /// Takes in the micro-batches of a step; false if they are not wanted any more.
    mutating func take(_ step: PackedStep) -> Bool {
        guard requested.remove(step.step) != nil else { return false }
        packed[step.step] = step
        return true
    }
}
