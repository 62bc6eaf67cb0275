import Corpus
import Support

/// Reads no labels: for tasks that have none, or have them elsewhere than in a column.
struct NoLabels: LabelReader {
    mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel { .none }
    func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) { ([], labels) }
}
