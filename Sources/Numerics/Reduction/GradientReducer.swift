/// Sums the gradients of a training step over all ranks; `AllReducer` does it over sockets.
///
/// A step is ``begin(_:)``, ``submit(bucket:contributions:)`` once for each bucket, ``finish(piggyback:)``. The sum has
/// the same bits for every number of ranks and every assignment of micro-batches to them. Any error is final: all
/// memory is given back, and the next generation makes a new reducer.
public protocol GradientReducer: Sendable {
    /// This rank, from 0.
    var rank: Int { get }
    /// The number of ranks.
    var worldSize: Int { get }
    /// Whether gradients are rounded on the way: only then is a ``ReductionStep/residual`` of use.
    var roundsGradients: Bool { get }

    /// Starts a step. Returns at once.
    ///
    /// - Throws: If the step does not fit this reducer, or one is under way; the error that ended this reducer before.
    func begin(_ step: ReductionStep) throws

    /// Hands a bucket over, from any thread, in the same order on all ranks. Returns at once.
    ///
    /// - Parameters:
    ///   - bucket: The number of the bucket in the step's ``ReductionStep/buckets``.
    ///   - contributions: Nodes that tile this rank's micro-batches, in any order; empty if it has none. They are lent
    ///     until ``finish(piggyback:)`` is back; see ``Contribution``.
    ///
    /// A call that does not fit (unknown bucket, twice, other micro-batches) makes ``finish(piggyback:)`` throw.
    func submit(bucket: Int, contributions: [Contribution])

    /// Waits until the whole sum is in the step's result, the piggybacks of all ranks are here, and all lent memory is
    /// given back.
    ///
    /// - Parameter piggyback: Up to ``Reduction/maxPiggybackBytes`` for all other ranks. A rank that has finished a
    ///   step has the piggybacks of all, so nothing in them is lost with a rank that fails later.
    /// - Throws: Why the step failed. All lent memory is given back then, too.
    func finish(piggyback: [UInt8]) throws -> Reduction
}
