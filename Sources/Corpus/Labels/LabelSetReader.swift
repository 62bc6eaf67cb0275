import Support

/// Reads any number of classes for each example: a JSON array, or a text with a separator between the names.
public struct LabelSetReader: LabelReader {
    private var index: LabelIndex
    private let separator: Character

    /// A reader of the classes that a file has, or of `known` ones alone.
    ///
    /// - Parameter separator: What stands between the names of a text; blanks around a name do not belong to it.
    public init(known: [String]? = nil, separator: Character = ",") {
        index = LabelIndex(known: known)
        self.separator = separator
    }

    /// A label that is empty is the empty set.
    public mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel {
        let names: [String]
        switch label {
        case nil: throw Self.empty(line: line, path: path)
        case .list(let items): names = items
        case .text(let text):
            names =
                isBlank(text)
                ? []
                : text.split(separator: separator, omittingEmptySubsequences: false).map { Self.trimmed($0) }
        }
        var numbers: [Int32] = []
        for name in names {
            guard !isBlank(name) else {
                throw FileError(
                    path, line: line,
                    "one of the labels is empty; they are separated by \(quoted(String(separator))) "
                        + "(--label-separator)")
            }
            let number = try index.number(of: name, line: line, path: path)
            guard !numbers.contains(number) else {
                throw FileError(path, line: line, "the label \(quoted(name)) comes twice; remove one")
            }
            numbers.append(number)
        }
        return .several(numbers)
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// Classes in their order: see ``ClassLabelReader/finish(_:)``.
    public func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) {
        let (names, renumbered) = index.ordered()
        return (
            names,
            labels.map { label in
                guard case .several(let numbers) = label else { return label }
                return .several(numbers.map { renumbered[Int($0)] }.sorted())
            }
        )
    }
}
