import Corpus
import Inference
import Support

/// The texts of a file with the numbers of their rows, each once.
struct NumberedTexts {
    /// The texts.
    private(set) var examples: [Example] = []
    /// The number of each text's row in the file, from 1; a header does not count.
    private(set) var rows: [Int] = []
    /// What was left out, for people; nil for nothing.
    private(set) var notice: String?

    /// Reads a file; blank texts, repetitions, and texts that another file has too, are left out.
    ///
    /// - Parameter known: That file; nil for none.
    /// - Throws: An error that names the file; also where nothing is left.
    init(_ path: String, _ columns: ColumnNames, without known: String?) throws {
        let columns = ColumnNames(text: columns.text, textPair: columns.textPair)
        var left: Set<String> = []
        if let known {
            try Self.forEach(known, columns) { _, example in left.insert(example.lexicalText) }
        }
        var (labelled, repeated) = (0, 0)
        var seen: Set<String> = []
        try Self.forEach(path, columns) { row, example in
            if left.contains(example.lexicalText) {
                labelled += 1
            } else if !seen.insert(example.lexicalText).inserted {
                repeated += 1
            } else {
                examples.append(example)
                rows.append(row)
            }
        }
        guard !examples.isEmpty else {
            let why = labelled > 0 ? "every text is in \(known?.printable() ?? "") too" : "has no text"
            throw FileError(path, "\(why); give texts that have no label yet")
        }
        let parts = [
            labelled > 0 ? "\(plural(labelled, "text")) that \(known?.printable() ?? "") has too" : nil,
            repeated > 0 ? plural(repeated, "repetition") : nil,
        ].compactMap { $0 }
        if !parts.isEmpty { notice = "left out: \(parts.joined(separator: ", "))" }
    }

    private static func forEach(
        _ path: String, _ columns: ColumnNames, _ body: (Int, Example) -> Void
    ) throws(FileError) {
        var row = 0
        try DatasetReader.forEach(path, options: .init(columns: columns, labels: nil)) { record throws(FileError) in
            row += 1
            guard !record.text.allSatisfy(\.isWhitespace) else { return }
            body(row, Example(text: record.text, pair: record.pair))
        }
    }
}
