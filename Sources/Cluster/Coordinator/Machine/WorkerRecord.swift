/// A worker that takes part, or is about to, as the coordinator sees it.
struct WorkerRecord: Sendable {
    let peer: PeerID
    /// Its number, the same for as long as it lives: of a child, that which it was started with.
    let number: Int
    let worker: WorkerDescription
    /// When its last message came.
    var lastHeard: Double
    /// Its rank in the generation.
    var rank = 0
    /// Where its peers reach it, once it has reported that.
    var endpoint: String?
    /// The steps behind its state; nil if it has none.
    var applied: Int?
    /// What the last steps that it applied gave, ascending.
    var records: [StepRecord] = []
    /// Whether it must be sent the state first.
    var mustLoad = false
    var isReady = false
    /// Since when it has owed an answer; nil if it owes none.
    var owesSince: Double?
    var residentBytes: UInt64 = 0
    /// The SHA-256 of its weights, once asked for.
    var digest: String?
    /// Micro-batches a second that it computes, once measured.
    var speed: Double?

    init(peer: PeerID, number: Int, worker: WorkerDescription, lastHeard: Double) {
        self.peer = peer
        self.number = number
        self.worker = worker
        self.lastHeard = lastHeard
    }

    /// What messages call it.
    var name: String { "worker \(number) (pid \(worker.pid) on \(worker.host))" }
}
