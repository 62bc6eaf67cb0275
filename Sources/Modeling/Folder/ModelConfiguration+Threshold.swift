import Support

/// From which probability on a model with several labels takes a text as having one: an entry of config.json that
/// `transformers` passes over.
extension ModelConfiguration {
    /// What it may be.
    public static let thresholds = 1e-6...(1 - 1e-6)
    /// Where nothing else is known.
    public static let standardThreshold = 0.5

    private static let thresholdKey = "shoal_threshold"

    /// The threshold; nil where the file has none.
    public var threshold: Double? {
        get { entries[Self.thresholdKey].flatMap(Self.number) }
        set { entries[Self.thresholdKey] = newValue.map { .number($0) } }
    }

    private static func number(_ value: JSONValue) -> Double? {
        if case .number(let number) = value { number } else { nil }
    }

    /// Makes sure that the threshold, if there is one, can be used.
    ///
    /// - Parameter path: The file, for the message.
    func requireThreshold(path: String) throws(FileError) {
        guard let found = entries[Self.thresholdKey] else { return }
        guard let value = Self.number(found), Self.thresholds.contains(value) else {
            throw FileError(path, "\(Self.thresholdKey) is \(found.summary), must be a number between 0 and 1")
        }
    }
}
