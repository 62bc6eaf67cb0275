import Foundation
import Numerics
import Support

/// Sums gradients over the ranks of one generation: direct reduce-scatter, then all-gather, over the fixed tree.
///
/// Every rank owns a slice of every bucket. A rank sends the owner the sums of its few subtrees of the slice; the owner
/// finishes the tree in its fixed order and sends the sum to all. Bytes sent per rank: 2 (N - 1) / N of the gradient
/// (where each rank's leaves are one subtree), the lower bound, in two steps; see Thakur, Rabenseifner, Gropp,
/// "Optimization of collective communication operations in MPICH" (2005) for the family. The sums, and the sum of
/// squares, have the same bits for every number of ranks and every partition of the leaves.
///
/// Life: `init` binds, ``connect(to:)`` meets the peers, then for every step ``begin(_:)``,
/// ``submit(bucket:contributions:)`` for every bucket, ``finish(piggyback:)``. Any error is final: sockets are closed,
/// all memory is given back, and the next generation makes a new reducer. With one rank there are no sockets.
///
/// All work is done by one thread of its own, which sleeps while there is nothing to do, and by the library's.
public final class AllReducer: GradientReducer {
    /// This rank, from 0.
    public let rank: Int
    /// The number of ranks.
    public let worldSize: Int
    /// The generation of the membership; messages of others are dropped.
    public let generation: UInt64
    /// The endpoint as bound (port filled in), which peers connect to. Empty if there is one rank.
    public let endpoint: String
    /// Whether the wire rounds.
    public let roundsGradients: Bool

    private let world: WorldDescription
    private let mailbox: AllReduceMailbox
    private let refusals: RefusalLog

    /// Binds `endpoint` ("tcp://127.0.0.1:*", "ipc:///run/x/0"; not looked at if there is one rank) and starts the
    /// thread.
    ///
    /// - Throws: `AllReduceError` that names the endpoint if it cannot be bound.
    public init(
        rank: Int, worldSize: Int, generation: UInt64, bind endpoint: String, options: AllReduceOptions = .init()
    ) throws(AllReduceError) {
        guard worldSize >= 1, worldSize <= AllReducePlan.maxWorldSize, rank >= 0, rank < worldSize else {
            throw .misuse("rank \(rank) in a world of \(worldSize)")
        }
        guard options.segmentFloats > 0, options.segmentFloats % AllReducePlan.chunkFloats == 0,
            options.segmentFloats <= 1 << 24
        else { throw .misuse("segments of \(options.segmentFloats) floats, expected a multiple of 4096") }
        if let security = options.security, security.ranks.count != worldSize {
            throw .misuse("\(security.ranks.count) keys for a world of \(worldSize)")
        }
        self.rank = rank
        self.worldSize = worldSize
        self.generation = generation
        roundsGradients = options.wire == .bf16 && worldSize > 1
        world = WorldDescription(
            rank: rank, size: worldSize, generation: generation, segmentFloats: options.segmentFloats,
            wire: options.wire)
        refusals = RefusalLog(options.logger)
        do throws(ZeroMQError) {
            let transport: any Transport =
                worldSize == 1
                ? SoloTransport()
                : try ZeroMQTransport(bind: endpoint, worldSize: worldSize, options: options, refusals: refusals)
            self.endpoint = transport.endpoint
            mailbox = AllReduceMailbox(worldSize: worldSize, wake: transport.wake)
            let engine = ThreadConfined(
                AllReduceEngine(
                    world, transport: transport, clock: monotonicSeconds, mailbox: mailbox, refusals: refusals,
                    options: options))
            do throws(ResourceLimitError) {
                let lingering = options.timeouts.close
                try NamedThread.start("shoal-allreduce") { engine.value.run(lingering: lingering) }
            } catch {
                mailbox.ended()
                throw ZeroMQError(error)
            }
        } catch {
            throw .transport(error)
        }
    }

    deinit { close() }

    /// Connects to the peers and waits until each has answered (and has been answered).
    ///
    /// - Parameter peers: the endpoint of every rank, in rank order; one's own is not looked at.
    /// - Throws: ``AllReduceError/timeout(peers:step:phase:seconds:)`` that names those that did not answer within
    ///   `connectTimeout`; ``AllReduceError/incompatiblePeer(peer:reason:)``.
    public func connect(to peers: [String]) throws(AllReduceError) {
        guard peers.count == worldSize else {
            throw .misuse("\(peers.count) endpoints for a world of \(worldSize)")
        }
        try mailbox.connect(to: peers)
    }

    /// Starts a step. Returns at once.
    ///
    /// - Throws: ``AllReduceError/misuse(_:)`` if its parts don't fit or a step is under way; the error that ended this
    ///   reducer before.
    public func begin(_ step: ReductionStep) throws(AllReduceError) {
        try mailbox.begin(PlannedStep(step, world: world))
    }

    /// Hands a bucket over, from any thread; see `GradientReducer`. Siblings are added in place, so the buffers change.
    public func submit(bucket: Int, contributions: [Contribution]) {
        mailbox.post(.submit(bucket: bucket, contributions: contributions))
    }

    /// Waits for the sum and the piggybacks of all ranks; see `GradientReducer`.
    public func finish(piggyback: [UInt8] = []) throws(AllReduceError) -> Reduction {
        try mailbox.finish(piggyback: piggyback)
    }

    /// Gives up, from any thread: waits under way, and later calls, throw ``AllReduceError/aborted(reason:)``.
    public func abort(reason: String) { mailbox.post(.abort(reason)) }

    /// Ends the thread and closes the sockets; waits for that. Calling it again does nothing.
    public func close() { mailbox.close() }

    /// How far it has come.
    var state: AllReduceMailbox.State { mailbox.state }

    /// The messages refused so far: malformed, from unknown senders, or of another generation or step.
    public var refusedMessages: Int { refusals.count }
}
