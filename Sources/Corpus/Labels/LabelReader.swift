import Support

/// Makes the labels of a file's records into what examples carry. A kind of label is one file.
public protocol LabelReader: Sendable {
    /// Takes the label of a record, which may be provisional until ``finish(_:)``.
    ///
    /// - Throws: An error that names the file, the line, and what to do.
    mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel
    /// The names of what was read, such as the classes, and the labels by the numbers that these names have.
    func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel])
}

extension LabelReader {
    /// The error of a label that is not there.
    static func empty(line: Int, path: String) -> FileError {
        FileError(path, line: line, "the label is empty; fill it in, or remove the example")
    }
}

/// Whether there is nothing but white space.
func isBlank(_ text: some StringProtocol) -> Bool {
    if let first = text.utf8.first, first > 32, first < 127 { return false }
    return text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
}
