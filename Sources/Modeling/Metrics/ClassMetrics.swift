/// How well one class is recognised.
public struct ClassMetrics: Sendable, Codable, Equatable {
    /// The class.
    public var label: String
    /// The share of its predictions that are right; 0 where it was never predicted.
    public var precision: Double
    /// The share of its samples that were recognised; 0 where it has none.
    public var recall: Double
    /// The harmonic mean of both; 0 where both are.
    public var f1: Double
    /// Its samples.
    public var support: Int
}
