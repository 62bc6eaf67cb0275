/// How long the coordinator has been silent, and what follows from it. Times are seconds on a monotonic clock.
struct CoordinatorTimeout: Sendable {
    /// What the coordinator of a worker is.
    private enum State: Equatable { case inContact, silent }

    /// What a look at the clock has found.
    enum Finding: Equatable {
        case nothing
        /// Silent for longer than the heartbeat timeout, found once: it is waited for, so long in seconds.
        case fellSilent(waiting: Double)
        /// Silent for this many seconds: it is not waited for any longer.
        case gone(after: Double)
    }

    /// If two ticks are further apart than this, the process was suspended (SIGSTOP, sleep): what it has not received
    /// meanwhile means nothing, and the deadline moves by the gap.
    static let longestPause = 2.0

    private var lastHeard: Double
    private var lastTick: Double
    private var state = State.inContact

    init(now: Double) {
        lastHeard = now
        lastTick = now
    }

    /// Something came from the coordinator; true if it had fallen silent before.
    mutating func recordContact(_ now: Double) -> Bool {
        lastHeard = now
        defer { state = .inContact }
        return state == .silent
    }

    /// The time is `now`; called a few times a second.
    mutating func tick(_ now: Double) {
        if now - lastTick > Self.longestPause { lastHeard += now - lastTick }
        lastTick = now
    }

    /// Before the first answer: whether it is late by more than `timeout`.
    func isUnanswered(_ now: Double, timeout: Double) -> Bool { now - lastHeard > timeout }

    /// After the first answer: compares with the two timeouts, of which `orphan` never counts as the shorter one.
    mutating func check(_ now: Double, heartbeat: Double, orphan: Double) -> Finding {
        let silence = now - lastHeard
        let last = max(orphan, heartbeat)
        if silence > last { return .gone(after: last) }
        guard silence > heartbeat, state == .inContact else { return .nothing }
        state = .silent
        return .fellSilent(waiting: orphan)
    }
}
