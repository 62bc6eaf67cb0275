import Support

/// Reads one class for each example.
public struct ClassLabelReader: LabelReader {
    private var index: LabelIndex
    private let areKnown: Bool

    /// A reader of the classes that a file has, or of `known` ones alone.
    public init(known: [String]? = nil) {
        index = LabelIndex(known: known)
        areKnown = known != nil
    }

    /// See ``LabelReader``.
    public mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel {
        switch label {
        case nil: throw Self.empty(line: line, path: path)
        case .list:
            throw FileError(
                path, line: line,
                "the label is an array: an example has one class"
                    // A model, or a training set, with one class per text has decided on the task.
                    + (areKnown ? ", as in training; correct it" : "; for several give --task multi-label"))
        case .text(let name):
            guard !isBlank(name) else { throw Self.empty(line: line, path: path) }
            return .one(try index.number(of: name, line: line, path: path))
        }
    }

    /// Classes in their order: by value if all are integers, else by Unicode code points; known ones as they were.
    public func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) {
        let (names, renumbered) = index.ordered()
        return (
            names,
            labels.map { label in
                guard case .one(let number) = label else { return label }
                return .one(renumbered[Int(number)])
            }
        )
    }
}

extension LabelIndex {
    /// The number of a name.
    ///
    /// - Throws: An error for a name that training did not see.
    mutating func number(of name: String, line: Int, path: String) throws(FileError) -> Int32 {
        guard let number = number(of: name) else {
            throw FileError(
                path, line: line,
                "the label \(quoted(name)) is none that training saw (\(listed(names)))"
                    + "\(ClassNames.hint(name, among: names)); correct it, or remove the example")
        }
        return number
    }
}
