import Numerics

/// What the algorithm has to say to other ranks about a step.
enum AllReduceMessage {
    /// This rank has begun the step, and owns no segment that would show it.
    case begin
    /// This rank's sum of a node, to the owner of the segment. The floats are lent until the step is over.
    case contribution(AllReducePlan.Segment, node: TreeNode, floats: UnsafeBufferPointer<Float>)
    /// The sum of a segment that this rank owns, with the sum of squares of each chunk. Lent like a contribution.
    case sum(AllReducePlan.Segment, sumsOfSquares: ArraySlice<Double>, floats: UnsafeBufferPointer<Float>)
    /// What this rank attaches to the step.
    case piggyback([UInt8])
}

/// Where the algorithm puts its messages.
protocol AllReduceOutbox {
    /// Sends `message`, of step `step`, to each of `ranks`.
    func send(_ message: AllReduceMessage, step: UInt64, to ranks: [Int]) throws(AllReduceError)
}

/// A message that is not taken, with the reason: nothing has changed.
struct MessageRefusal: Error, Equatable {
    /// What is wrong with it, for the log.
    var reason: String

    init(_ reason: String) { self.reason = reason }
}
