import Foundation

/// What one event leads to. The parts of the coordinator append effects in the order in which they are to happen, and
/// ask the machine that they belong to for what only it can decide.
struct Transition: Sendable {
    /// What a part asks ``CoordinatorMachine`` for; done in order, once the part has returned.
    enum Request: Sendable {
        /// Begin a new generation.
        case formGeneration
        /// This worker sent `what`, which does not fit: refuse it.
        case sendAway(PeerID, what: String)
        /// Read a state from disk, for a generation to begin with.
        case restore(CoordinatorEffect)
        case end(RunOutcome)
    }

    /// When the event happened: seconds on a monotonic clock.
    let now: Double
    /// The generation that messages are sent in.
    var generation: UInt64
    private(set) var effects: [CoordinatorEffect] = []
    /// What happened to the membership, for the status.
    private(set) var changes: [(kind: RunStatus.Change.Kind, subject: String, detail: String)] = []
    /// The seconds of the steps that were completed.
    var stepSeconds: [Double] = []
    private var requests: [Request] = []

    init(now: Double, generation: UInt64) {
        self.now = now
        self.generation = generation
    }

    mutating func perform(_ effect: CoordinatorEffect) { effects.append(effect) }
    mutating func emit(_ event: RunEvent) { effects.append(.emit(event)) }
    mutating func warn(_ text: String) { effects.append(.emit(.warning(text))) }

    mutating func send(_ body: CoordinatorMessage.Body, to peer: PeerID, step: Int = 0) {
        effects.append(.send(peer, CoordinatorMessage(generation: generation, step: UInt64(step), body: body)))
    }

    mutating func record(_ kind: RunStatus.Change.Kind, _ subject: String, _ detail: String) {
        changes.append((kind, subject, detail))
    }

    mutating func request(_ request: Request) { requests.append(request) }

    /// Whether something was asked for that is not done yet.
    var hasRequests: Bool { !requests.isEmpty }

    mutating func nextRequest() -> Request? { requests.isEmpty ? nil : requests.removeFirst() }
}
