import Support

/// Takes typed values out of a config.json, for a ``ModelFamily``; null counts as not there, as in `transformers`.
///
/// Every error names the file, the key and what was found.
public struct ConfigurationReader {
    let entries: [String: JSONValue]
    let path: String

    func value(_ key: String) -> JSONValue? {
        let value = entries[key]
        return value == .null ? nil : value
    }

    /// An error about the file.
    public func failure(_ reason: String) -> FileError { FileError(path, reason) }

    /// Whether there is such an entry.
    public func has(_ key: String) -> Bool { value(key) != nil }

    /// Makes sure that an entry is not there, or has this value.
    public func require(_ key: String, _ expected: JSONValue) throws(FileError) {
        guard let found = value(key), found != expected else { return }
        throw failure(
            expected == .object([:])
                ? "has \(key), which is not supported"
                : "\(key) is \(found.summary), only \(expected.summary) is supported")
    }

    /// The activation of the feed-forward network, the exact GELU where there is no entry.
    ///
    /// - Parameter known: Those that the family can have.
    public func activation(
        _ key: String, _ known: [EncoderArchitecture.Activation] = [.gelu, .geluTanh, .relu]
    ) throws(FileError) -> EncoderArchitecture.Activation {
        guard let found = value(key) else { return .gelu }
        guard case .string(let name) = found else { throw wrong(key, found, "a string") }
        let names = known.flatMap { Self.activationNames($0) }
        guard let activation = known.first(where: { Self.activationNames($0).contains(name) }) else {
            throw failure(
                "\(key) is \(quoted(name)), only \(names.map { quoted($0) }.joined(separator: ", ")) are supported")
        }
        return activation
    }

    /// What `transformers` calls an activation; the first name is the one to write.
    static func activationNames(_ activation: EncoderArchitecture.Activation) -> [String] {
        switch activation {
        case .gelu, .geglu: ["gelu", "gelu_python"]
        // All are the same function.
        case .geluTanh: ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"]
        case .relu: ["relu"]
        }
    }

    /// A switch.
    public func flag(_ key: String, default: Bool) throws(FileError) -> Bool {
        switch value(key) {
        case nil: `default`
        case .bool(let found): found
        case .some(let found): throw wrong(key, found, "true or false")
        }
    }

    /// One of some strings.
    public func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default: Choice
    ) throws(FileError) -> Choice where Choice.RawValue == String {
        guard let found = value(key) else { return `default` }
        guard let choice = found.string.flatMap({ Choice(rawValue: $0) }) else {
            let names = Choice.allCases.map { quoted($0.rawValue) }
            throw wrong(key, found, names.joined(separator: " or "))
        }
        return choice
    }

    /// A whole number.
    ///
    /// - Parameter default: What holds where there is none; nil if there must be one.
    public func integer(_ key: String, default: Int?, in range: ClosedRange<Int>) throws(FileError) -> Int {
        let number: Int
        switch value(key) ?? `default`.map({ .integer($0) }) {
        case .integer(let found): number = found
        case .some(let found): throw wrong(key, found, "a whole number")
        case nil: throw failure("\(key) is missing")
        }
        guard range.contains(number) else {
            throw failure("\(key) is \(number), must be \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The probability of a dropout.
    public func probability(_ key: String, default: Float?) throws(FileError) -> Float {
        try number(key, default: `default`, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    }

    /// What LayerNorm adds to the variance.
    public func epsilon(_ key: String, default: Float?) throws(FileError) -> Float {
        try number(key, default: `default`, "above 0 and below 1") { $0 > 0 && $0 < 1 }
    }

    /// The standard deviation of new weights.
    public func deviation(_ key: String, default: Float?) throws(FileError) -> Float {
        try number(key, default: `default`, "0 to 10") { $0 >= 0 && $0 <= 10 }
    }

    func number(
        _ key: String, default: Float?, _ need: String, isValid: (Float) -> Bool
    ) throws(FileError) -> Float {
        let number: Float
        switch value(key) {
        case .integer(let found): number = Float(found)
        case .number(let found): number = Float(found)
        case .some(let found): throw wrong(key, found, "a number")
        case nil:
            guard let `default` else { throw failure("\(key) is missing") }
            number = `default`
        }
        guard isValid(number) else { throw failure("\(key) is \(number), must be \(need)") }
        return number
    }

    func wrong(_ key: String, _ found: JSONValue, _ expected: String) -> FileError {
        failure("\(key) is \(found.summary), must be \(expected)")
    }
}

extension JSONValue {
    /// A number with the fewest digits that give this float again.
    public static func float(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
