/// A worker that takes part, as the coordinator sees it.
struct Member: Sendable {
    let peer: PeerID
    /// Its number, which is its rank.
    var rank: Int
    let worker: WorkerDescription
    /// When its last message came.
    var lastHeard: Double
    /// Where its peers reach it, once it has told.
    var endpoint: String?
    var isReady = false
    var residentBytes: UInt64 = 0
    /// The SHA-256 of its weights, once asked for.
    var digest: String?

    /// What messages call it.
    var name: String { "worker \(rank) (pid \(worker.pid) on \(worker.host))" }
}
