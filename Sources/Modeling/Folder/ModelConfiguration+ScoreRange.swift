import Support

/// Which scores of pairs stand for the cosines 0 and 1, in a model of embeddings: an entry of config.json that
/// `transformers` passes over.
extension ModelConfiguration {
    private static let scoreRangeKey = "shoal_score_range"

    /// The least and the greatest score; nil where the file has none, or none that can be used.
    public var scoreRange: ClosedRange<Double>? {
        get { entries[Self.scoreRangeKey].flatMap(Self.scoreRange) }
        set {
            entries[Self.scoreRangeKey] = newValue.map {
                .array([.number($0.lowerBound), .number($0.upperBound)])
            }
        }
    }

    /// The range that a list of two numbers is, the smaller one first.
    static func scoreRange(_ value: JSONValue) -> ClosedRange<Double>? {
        guard let list = value.array, list.count == 2, let low = score(list[0]), let high = score(list[1]), low < high
        else { return nil }
        return low...high
    }

    /// Makes sure that the range, if there is one, can be used.
    ///
    /// - Parameter path: The file, for the message.
    func requireScoreRange(path: String) throws(FileError) {
        guard let found = entries[Self.scoreRangeKey], scoreRange == nil else { return }
        throw FileError(
            path, "\(Self.scoreRangeKey) is \(found.summary), must be a list of two numbers, the smaller one first")
    }

    private static func score(_ value: JSONValue) -> Double? {
        switch value {
        case .number(let number): number.isFinite ? number : nil
        case .integer(let number): Double(number)
        default: nil
        }
    }
}
