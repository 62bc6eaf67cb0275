import Support

/// Which scores of pairs stand for the cosines 0 and 1, in a model of embeddings: an entry of config.json that
/// `transformers` passes over.
extension ModelConfiguration {
    private static let scoreRangeKey = "shoal_score_range"

    /// The least and the greatest score; nil where the file has none, or none that can be used.
    public var scoreRange: ClosedRange<Double>? {
        get {
            guard let list = entries[Self.scoreRangeKey]?.array, list.count == 2, let low = Self.score(list[0]),
                let high = Self.score(list[1]), low < high
            else { return nil }
            return low...high
        }
        set {
            entries[Self.scoreRangeKey] = newValue.map {
                .array([.number($0.lowerBound), .number($0.upperBound)])
            }
        }
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
