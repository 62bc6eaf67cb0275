/// A rate limit: so many tokens at once, and so many more each second.
struct TokenBucket: Sendable {
    private(set) var tokens: Double
    private let size: Double
    private let perSecond: Double
    private var filledAt: Double

    init(size: Double, perSecond: Double, now: Double) {
        (tokens, self.size, self.perSecond, filledAt) = (size, size, perSecond, now)
    }

    /// One more; what is taken beyond the last one must be paid back with time.
    mutating func take() { tokens -= 1 }

    /// One is given back.
    mutating func giveBack() { tokens = min(size, tokens + 1) }

    /// Adds what the time since the last call gives.
    mutating func refill(_ now: Double) {
        tokens = min(size, tokens + max(0, now - filledAt) * perSecond)
        filledAt = max(now, filledAt)
    }
}
