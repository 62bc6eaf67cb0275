import Support

/// The values that an option may have, and how an error says it.
struct AllowedValues<Value: RunOptionConvertible>: Sendable {
    private let contains: @Sendable (Value) -> Bool
    /// To follow "must be".
    private let need: String

    /// Throws an error that names the option if the value is not one of them.
    func check(_ value: Value, of option: String) throws(ConfigurationError) {
        guard contains(value) else { throw .invalid(option, value: value.optionValue.description, need: need) }
    }
}

extension AllowedValues where Value == Int {
    /// Both bounds and the values between them.
    static func range(_ bounds: ClosedRange<Int>) -> Self {
        Self(contains: { bounds.contains($0) }, need: "\(bounds.lowerBound) to \(bounds.upperBound)")
    }
}

extension AllowedValues where Value == String {
    /// These words.
    static func oneOf(_ words: [String]) -> Self {
        Self(
            contains: { words.contains($0) },
            need: words.dropLast().joined(separator: ", ") + " or " + (words.last ?? ""))
    }

    /// A single character.
    static var oneCharacter: Self { Self(contains: { $0.count == 1 }, need: "one character") }
}

extension AllowedValues where Value == Double {
    /// Both bounds and the values between them; not those that are no numbers.
    static func range(_ bounds: ClosedRange<Double>, _ unit: String) -> Self {
        Self(
            contains: { bounds.contains($0) },
            need: "\(short(bounds.lowerBound)) to \(short(bounds.upperBound))" + (unit.isEmpty ? "" : " \(unit)"))
    }

    /// Shares of less than all: 0 and the values between 0 and 1.
    static var shareBelowOne: Self { Self(contains: { $0 >= 0 && $0 < 1 }, need: "at least 0 and below 1") }

    /// Shares of something: the values between 0 and 1.
    static var share: Self { Self(contains: { $0 > 0 && $0 < 1 }, need: "above 0 and below 1") }

    /// The values above 0 up to a bound.
    static func positive(atMost bound: Double) -> Self {
        Self(contains: { $0 > 0 && $0 <= bound }, need: "above 0 and at most \(short(bound))")
    }

    /// Without `.0`.
    private static func short(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
}
