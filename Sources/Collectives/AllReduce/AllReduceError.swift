/// Why an all-reduce cannot go on. After any of these the ``AllReducer`` is closed; the next generation makes a new
/// one.
public enum AllReduceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A wait took too long. The phase says what for; the peers are those that it waited for.
    case timeout(peers: [PeerAddress], step: UInt64?, phase: String, seconds: Double)
    /// A peer closed its connection, or died, while it was needed.
    case peerLost(peer: PeerAddress, step: UInt64?, phase: String)
    /// A peer does not fit: another version, generation, world size or segment size.
    case incompatiblePeer(peer: PeerAddress, reason: String)
    /// The memory of a peer on this machine cannot be read (any more), though the peer lives.
    case unreadableMemory(peer: PeerAddress, step: UInt64?, reason: String)
    /// ``AllReducer/abort(reason:)`` was called.
    case aborted(reason: String)
    /// A call that does not fit the others: a bucket twice, a partition with holes.
    case misuse(String)
    /// The messaging library failed.
    case transport(ZeroMQError)

    /// The phase of a time-out in which this rank's connections did not come about.
    public static let reaching = "connecting"
    /// The phase of a time-out in which only those of others to this rank did not.
    public static let beingReached = "waiting to be connected to"

    /// A peer by rank and endpoint, for messages.
    public struct PeerAddress: Sendable, Equatable, CustomStringConvertible {
        /// The rank of the peer.
        public let rank: Int
        /// The endpoint that it bound.
        public let endpoint: String

        /// The peer `rank` at `endpoint`.
        public init(rank: Int, endpoint: String) {
            self.rank = rank
            self.endpoint = endpoint
        }

        /// As "rank 1 (tcp://10.0.0.2:4000)".
        public var description: String { endpoint.isEmpty ? "rank \(rank)" : "rank \(rank) (\(endpoint))" }
    }

    /// The ranks that failed or do not answer, if known.
    public var peerRanks: [Int] {
        switch self {
        case .timeout(let peers, _, _, _): peers.map(\.rank)
        case .peerLost(let peer, _, _), .incompatiblePeer(let peer, _), .unreadableMemory(let peer, _, _): [peer.rank]
        case .aborted, .misuse, .transport: []
        }
    }

    /// One line with the peers, the step and the phase.
    public var description: String {
        func place(_ step: UInt64?) -> String { step.map { "step \($0), " } ?? "" }
        switch self {
        case .timeout(let peers, let step, let phase, let seconds):
            let names = peers.map(\.description).joined(separator: ", ")
            return "\(place(step))\(phase): no answer from \(names) within \(seconds) s; is it running and reachable?"
        case .peerLost(let peer, let step, let phase):
            return "\(place(step))\(phase): \(peer) closed its connection; see its log"
        case .incompatiblePeer(let peer, let reason): return "cannot work with \(peer): \(reason)"
        case .unreadableMemory(let peer, let step, let reason):
            return "\(place(step))the memory of \(peer) cannot be read (\(reason)); it sends over sockets from now on"
        case .aborted(let reason): return "all-reduce aborted: \(reason)"
        case .misuse(let text): return "all-reduce used wrongly: \(text)"
        case .transport(let error): return error.description
        }
    }
}
