/// Answers questions for the status, which anyone may ask, without work for each: the text is made once a second at
/// most, and those that take no part get few answers.
struct StatusResponder: Sendable {
    /// Seconds for which a text holds.
    static let seconds = 1.0
    /// Answers a second to all that are no members.
    static let perSecond = 32
    /// Answers to one connection. Each may still be on its way: this bounds what waits for one that does not read.
    static let perConnection = 4
    /// Connections that are counted.
    private static let maxCounted = 4096

    private var text: (json: String, at: Double)?
    private var answers: [PeerID: Int] = [:]
    private var thisSecond = 0
    private var since = -Double.infinity

    /// Nothing asked yet.
    init() {}

    /// Whether the question of a sender is answered; it counts then.
    mutating func admits(_ peer: PeerID, _ now: Double) -> Bool {
        if now - since >= 1 {
            since = now
            thisSecond = 0
        }
        if answers.count >= Self.maxCounted { answers.removeAll() }
        guard answers[peer, default: 0] < Self.perConnection, thisSecond < Self.perSecond else { return false }
        answers[peer, default: 0] += 1
        thisSecond += 1
        return true
    }

    /// The status as JSON, of this second or the one before.
    mutating func json(_ now: Double, _ status: () -> RunStatus) -> String {
        if let text, now >= text.at, now - text.at < Self.seconds { return text.json }
        let json = status().json()
        text = (json, now)
        return json
    }
}
