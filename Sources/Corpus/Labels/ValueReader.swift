import Support

/// Reads one number, or several, for each example: a field, several with a separator, or a JSON array.
public struct ValueReader: LabelReader {
    private let known: [String]?
    private let separator: Character
    private var count: Int?

    /// A reader of as many numbers as the first example has, or as there are `known` names.
    public init(known: [String]? = nil, separator: Character = ",") {
        self.known = known
        self.separator = separator
        count = known?.count
    }

    /// See ``LabelReader``.
    public mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel {
        let texts: [String]
        switch label {
        case nil: throw Self.empty(line: line, path: path)
        case .list(let items): texts = items
        case .text(let text):
            guard !isBlank(text) else { throw Self.empty(line: line, path: path) }
            texts = text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        }
        var values: [Float] = []
        for text in texts {
            let digits = text.drop(while: \.isWhitespace)
            var end = digits
            while end.last?.isWhitespace == true { end.removeLast() }
            // "0x1p3", "inf" and "nan" are numbers to Swift, not to people.
            guard end.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) }),
                let value = Float(String(end))
            else {
                throw FileError(path, line: line, "the label \(quoted(text)) is not a number; \(advice(for: label))")
            }
            guard value.isFinite else {
                throw FileError(
                    path, line: line,
                    "the label \(quoted(text)) is beyond what a number of 32 bits holds, 3.4e38: correct it, or scale the "
                        + "labels")
            }
            values.append(value)
        }
        guard !values.isEmpty else { throw FileError(path, line: line, "the label is an empty array; give a number") }
        guard values.count == count ?? values.count else {
            throw FileError(
                path, line: line,
                "\(plural(values.count, "number")) in the label, \(count ?? 1) "
                    + (known == nil ? "in those before it" : "that the model predicts"))
        }
        count = values.count
        return .values(values)
    }

    /// What to do about a label that is no number.
    private func advice(for label: RawLabel?) -> String {
        // The file alone decides on the task only where nothing else is known.
        guard known == nil else { return "correct it" }
        if case .list = label { return "correct it, or for several classes of a text give --task multi-label" }
        return "correct it, or for classes give --task classification"
    }

    /// The known names, or `value_0` and so on; `value` for a single number.
    public func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) {
        let count = count ?? 1
        return (known ?? (count == 1 ? ["value"] : (0..<count).map { "value_\($0)" }), labels)
    }
}
