/// Which ranks of a generation have met: who has answered this rank's hello, and whose hello this rank has answered.
///
/// Pure: it is handed the time and what arrives, and sends nothing. A connection is made both ways: on its own one a
/// rank sends, on the peer's it receives.
struct PeerHandshakes {
    /// How far this rank has come with the others.
    enum State: Equatable {
        /// ``start(endpoints:now:)`` was not called.
        case idle
        /// Hellos go out until all have met.
        case connecting(deadline: Double, nextHello: Double)
        /// All have met.
        case connected
    }

    /// The connection that this rank opens to a peer.
    private enum Outgoing: Equatable {
        case unanswered
        case welcomed
        case lost(at: Double)
    }

    private struct Peer {
        var endpoint = ""
        var outgoing = Outgoing.unanswered
        /// Under which the transport delivers the peer's messages.
        var sender: [UInt8]?
    }

    /// What a hello is answered with.
    enum Verdict: Equatable {
        case welcome(rank: Int)
        case refuse(AllReduceHeader.Reason)
        /// Of a later generation: this one is about to end, so the peer is left to ask again.
        case ignore
    }

    /// Seconds between hellos: a first one can be lost to a failed predecessor at the same endpoint.
    static let helloInterval = 0.5

    let world: WorldDescription
    private(set) var state = State.idle
    private let timeout: Double
    private var peers: [Peer]
    private var rankOfSender: [[UInt8]: Int] = [:]

    /// No ranks have met; once started, all must within `timeout` seconds.
    init(_ world: WorldDescription, timeout: Double) {
        self.world = world
        self.timeout = timeout
        peers = [Peer](repeating: Peer(), count: world.size)
    }

    // MARK: meeting

    /// From now on hellos are due.
    ///
    /// - Parameter endpoints: Those of all ranks, for messages.
    mutating func start(endpoints: [String], now: Double) {
        for peer in world.others { peers[peer].endpoint = endpoints[peer] }
        state = .connecting(deadline: now + timeout, nextHello: now)
    }

    /// The peers that are to be sent a hello now; the next ones are due half a second later.
    mutating func takeHellosDue(now: Double) -> [Int] {
        guard case .connecting(let deadline, let nextHello) = state, now >= nextHello else { return [] }
        state = .connecting(deadline: deadline, nextHello: now + Self.helloInterval)
        return world.others.sorted().filter { peers[$0].outgoing == .unanswered }
    }

    /// Decides about a hello that came from `sender`.
    ///
    /// - Parameter hasBegun: Whether a step has begun in this generation: then no rank changes hands any more.
    mutating func receive(_ hello: AllReduceHeader, from sender: [UInt8], hasBegun: Bool) -> Verdict {
        if hello.generation > world.generation { return .ignore }
        if let reason = world.mismatch(hello) { return .refuse(reason) }
        let rank = Int(hello.sender)
        if let known = peers[rank].sender, known != sender, hasBegun { return .refuse(.rank) }
        if let other = rankOfSender[sender], other != rank { return .refuse(.rank) }
        if let old = peers[rank].sender { rankOfSender[old] = nil }
        peers[rank].sender = sender
        rankOfSender[sender] = rank
        return .welcome(rank: rank)
    }

    /// `peer` has answered this rank's hello.
    mutating func recordWelcome(from peer: Int) {
        if peers[peer].outgoing == .unanswered { peers[peer].outgoing = .welcomed }
    }

    /// Whether all have met just now: true once.
    mutating func completeIfMet() -> Bool {
        guard case .connecting = state, unreached.isEmpty, absent.isEmpty else { return false }
        state = .connected
        return true
    }

    /// Peers that have not answered this rank's hello.
    private var unreached: [Int] {
        peers.indices.filter { $0 != world.rank && peers[$0].outgoing == .unanswered }
    }

    /// Peers that have not said hello to this rank.
    private var absent: [Int] { peers.indices.filter { $0 != world.rank && peers[$0].sender == nil } }

    /// Whether hellos are being exchanged.
    var isMeeting: Bool {
        if case .connecting = state { true } else { false }
    }

    // MARK: looking up

    /// The rank whose messages the transport delivers under `sender`; `nil` before its hello.
    func rank(of sender: [UInt8]) -> Int? { rankOfSender[sender] }

    /// A peer, for messages.
    func address(_ rank: Int) -> AllReduceError.PeerAddress {
        AllReduceError.PeerAddress(rank: rank, endpoint: peers[rank].endpoint)
    }

    // MARK: time

    /// When there is next something to do for it.
    var nextDeadline: Double? {
        guard case .connecting(let deadline, let nextHello) = state else { return nil }
        return min(deadline, nextHello)
    }

    /// Why meeting is given up at `now`: it names the peers that this rank does not reach, else those that do not reach
    /// it.
    func timeoutError(now: Double) -> AllReduceError? {
        guard case .connecting(let deadline, _) = state, now >= deadline else { return nil }
        let unreached = unreached
        return .timeout(
            peers: (unreached.isEmpty ? absent : unreached).map(address), step: nil,
            phase: unreached.isEmpty ? AllReduceError.beingReached : AllReduceError.reaching, seconds: timeout)
    }

    // MARK: losing

    /// The connection to `peer` has broken. One that never answered is only tried again.
    mutating func recordLoss(of peer: Int, now: Double) {
        if peers[peer].outgoing == .welcomed { peers[peer].outgoing = .lost(at: now) }
    }

    /// Since when the connection to `peer` has been lost.
    func lostAt(_ peer: Int) -> Double? {
        guard case .lost(let at) = peers[peer].outgoing else { return nil }
        return at
    }

    /// Whether any peer is lost.
    var hasLost: Bool { peers.indices.contains { lostAt($0) != nil } }
}
