import Support

/// Reads one number for each example: how alike the two texts of a pair are.
public struct ScoreReader: LabelReader {
    /// What a score is called.
    public static let name = "score"
    private var values = ValueReader(known: [name])

    /// A reader of scores.
    public init() {}

    /// See ``LabelReader``.
    public mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel {
        if case .list = label {
            throw FileError(path, line: line, "the label is an array: a pair of texts has one score")
        }
        guard case .text(let text) = label, text.contains(",") else {
            return try values.read(label, line: line, path: path)
        }
        throw FileError(
            path, line: line, "the score \(quoted(text)) is not a number; decimals are written with a point")
    }

    /// The one name there is.
    public func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) {
        values.finish(labels)
    }
}
