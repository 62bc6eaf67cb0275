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

    /// Makes sure that the activation of the feed-forward network is the exact GELU, by the error function.
    ///
    /// `gelu_new`, `gelu_fast` and `gelu_pytorch_tanh` are approximations of it, with other results.
    public func requireGELU(_ key: String) throws(FileError) {
        guard let found = value(key) else { return }
        guard case .string(let name) = found else { throw wrong(key, found, "a string") }
        guard name == "gelu" || name == "gelu_python" else {
            throw failure("\(key) is \(quoted(name)), only \"gelu\" (by the error function) is supported")
        }
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

    private func number(
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

    private func wrong(_ key: String, _ found: JSONValue, _ expected: String) -> FileError {
        failure("\(key) is \(found.summary), must be \(expected)")
    }
}

extension JSONValue {
    /// A number with the fewest digits that give this float again.
    public static func float(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
