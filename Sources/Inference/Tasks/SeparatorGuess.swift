import Corpus
import Support

/// What stands between several labels of a text, where that is plain from the file.
public struct SeparatorGuess: Sendable {
    /// The separator; nil for the usual comma.
    public let separator: String?
    /// What to say of it to people; nil for the usual one.
    public var reason: String? {
        separator.map { "labels are separated by \(quoted($0)) (--label-separator to change)" }
    }

    /// Where no label has a comma, and some have a bar, it is the bar.
    ///
    /// - Throws: An error about a file that cannot be read.
    public init(_ path: String, columns: ColumnNames) throws(FileError) {
        var (hasComma, hasBar) = (false, false)
        try DatasetReader.forEach(path, options: .init(columns: columns)) { record in
            guard case .text(let text) = record.label else { return }
            if !hasComma, text.utf8.contains(44) { hasComma = true }
            if !hasBar, text.utf8.contains(124) { hasBar = true }
        }
        separator = hasBar && !hasComma ? "|" : nil
    }
}
