import Support

/// Which scores of pairs stand for the cosines 0 and 1: `--score-range 0,5`.
public struct ScoreRange: Sendable, Equatable {
    /// A text that is no range.
    public struct Problem: Error {
        /// What is needed instead.
        public var need: String
    }

    /// The least and the greatest score, different ones.
    public let bounds: ClosedRange<Double>

    /// Scores that are cosines already.
    public static let cosines = ScoreRange(0...1)

    /// A range of different bounds.
    init(_ bounds: ClosedRange<Double>) { self.bounds = bounds }

    /// Reads what the option says.
    public init(_ text: String) throws(Problem) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            Double(String(part.drop { $0 == " " }))
        }
        guard parts.count == 2, let low = parts[0], let high = parts[1], low.isFinite, high.isFinite, low < high,
            (high - low).isFinite
        else {
            throw Problem(
                need: "the scores that stand for the cosines 0 and 1, the smaller one first, such as 0,5")
        }
        bounds = low...high
    }

    /// Both bounds.
    public var text: String { "\(Self.shown(bounds.lowerBound)),\(Self.shown(bounds.upperBound))" }

    /// Both bounds, for people: "0 to 5".
    public var shown: String { "\(Self.shown(bounds.lowerBound)) to \(Self.shown(bounds.upperBound))" }

    /// The score as a cosine: from 0 to 1 within the bounds.
    func cosine(_ score: Float) -> Float {
        Float((Double(score) - bounds.lowerBound) / (bounds.upperBound - bounds.lowerBound))
    }

    /// A number as people write it.
    static func shown(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
}
