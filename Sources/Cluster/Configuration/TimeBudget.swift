import Foundation

/// A time that something may take, as people write it: `90s`, `10m`, `1h30m`.
public struct TimeBudget: Sendable, Equatable {
    /// In seconds, above 0.
    public let seconds: Double
    /// As it was given.
    let text: String

    private static let units: [(name: Character, seconds: Double)] = [("h", 3600), ("m", 60), ("s", 1)]
    /// A month.
    private static let most = 31 * 24 * 3600.0

    /// Reads numbers, each with one of the units h, m and s, larger units first; nil for anything else, and for no
    /// time.
    public init?(_ text: String) {
        var (rest, total, left) = (Substring(text), 0.0, Self.units[...])
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let value = Double(digits), let unit = rest.dropFirst(digits.count).first,
                let place = left.firstIndex(where: { $0.name == unit })
            else { return nil }
            total += value * left[place].seconds
            left = left[(place + 1)...]
            rest = rest.dropFirst(digits.count + 1)
        }
        guard total > 0, total <= Self.most else { return nil }
        (seconds, self.text) = (total, text)
    }
}

extension TimeBudget: RunOptionConvertible {
    /// A text.
    public static var optionKind: RunOptionKind { .text }

    /// The time of this text.
    public init(_ optionValue: RunOptionValue, of option: String) throws(ConfigurationError) {
        guard case .text(let text) = optionValue, let time = TimeBudget(text) else {
            throw .invalid(
                option, value: optionValue.description, need: "a time with its unit, such as 90s, 10m or 1h30m")
        }
        self = time
    }

    /// As it was given.
    public var optionValue: RunOptionValue { .text(text) }
}
