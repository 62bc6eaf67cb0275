/// When a worker sends greetings and heartbeats. Times are seconds on a monotonic clock.
struct ContactTimer: Sendable {
    /// Between two greetings, where the coordinator asks for one.
    static let greetingInterval = 0.5
    /// Before the coordinator has answered, no heartbeat is sent for so long.
    static let firstHeartbeat = 1.0
    /// What a worker takes for the coordinator's heartbeat timeout until it knows it.
    private static let unknownTimeout = 4.0

    private let startedAt: Double
    private var lastGreeting: Double
    private var lastHeartbeat: Double

    init(now: Double) {
        startedAt = now
        lastGreeting = now
        lastHeartbeat = now
    }

    /// Whether to greet once more: several of the coordinator's requests may have crossed with one greeting.
    mutating func takeGreeting(_ now: Double) -> Bool {
        guard now - lastGreeting >= Self.greetingInterval else { return false }
        lastGreeting = now
        return true
    }

    /// A heartbeat is sent.
    mutating func heartbeatSent(_ now: Double) { lastHeartbeat = now }

    /// Whether a heartbeat is due: four per timeout, and at least one a second. `timeout` is the coordinator's, nil
    /// before it has answered.
    func isHeartbeatDue(_ now: Double, timeout: Double?) -> Bool {
        guard timeout != nil || now - startedAt > Self.firstHeartbeat else { return false }
        return now - lastHeartbeat >= min(1, (timeout ?? Self.unknownTimeout) / 4)
    }
}
