import Foundation

/// Turns the files of fetched packages into `train.csv` and `test.csv`.
enum SourceTables {
    /// The lines of a file, ended by LF or CRLF.
    private static func lines(_ path: String) throws(CorpusError) -> [Substring] {
        let file = try TextFile(path)
        let text = try file.text(file.start..<file.bytes.count)
        return text.utf8.split(separator: 10, omittingEmptySubsequences: false).map {
            $0.last == 13 ? Substring($0.dropLast()) : Substring($0)
        }
    }

    /// A table of label and text, behind three lines of header.
    static func writeTable(_ source: String, to path: String) throws(CorpusError) {
        var csv = CSVWriter()
        for line in try lines(source).dropFirst(3) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            // The reference scripts pass over such lines, too: one post among 18,821 is empty.
            guard fields.count == 2 else { continue }
            csv.add([String(fields[0]), String(fields[1])])
        }
        try csv.write(to: path)
    }

    /// A table of number, mean score and text: positive above 0.5, negative below -0.5; every fifth to the test set.
    static func writeScores(_ source: String, to folder: String) throws(CorpusError) {
        var rows: [(String, String)] = []
        for line in try lines(source) {
            let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let score = Double(fields[1]), abs(score) > 0.5 else { continue }
            rows.append((score > 0 ? "positive" : "negative", String(fields[2])))
        }
        try writeSplit(rows, to: folder)
    }

    /// A file of positive and one of negative texts; every fifth of each to the test set. Blank lines are none.
    static func writeLines(positive: String, negative: String, to folder: String) throws(CorpusError) {
        var rows: [(String, String)] = []
        for (label, source) in [("positive", positive), ("negative", negative)] {
            for line in try lines(source) where !line.allSatisfy(\.isWhitespace) { rows.append((label, String(line))) }
        }
        try writeSplit(rows, to: folder)
    }

    private static func writeSplit(_ rows: [(label: String, text: String)], to folder: String) throws(CorpusError) {
        var train = CSVWriter()
        var test = CSVWriter()
        for (i, row) in rows.enumerated() {
            if i % 5 == 4 { test.add([row.label, row.text]) } else { train.add([row.label, row.text]) }
        }
        try train.write(to: "\(folder)/train.csv")
        try test.write(to: "\(folder)/test.csv")
    }
}

/// Writes CSV (RFC 4180) with the header `label,text`.
struct CSVWriter {
    private var text = "label,text\n"

    /// Adds a record; fields with commas, quotes or line breaks are put in quotes.
    mutating func add(_ fields: [String]) {
        for (i, field) in fields.enumerated() {
            if i > 0 { text += "," }
            if field.utf8.contains(where: { $0 == 44 || $0 == 34 || $0 == 10 || $0 == 13 }) || field.isEmpty {
                text += "\"\(field.replacingOccurrences(of: "\"", with: "\"\""))\""
            } else {
                text += field
            }
        }
        text += "\n"
    }

    /// Writes the file.
    func write(to path: String) throws(CorpusError) { try FetchCache.write(Data(text.utf8), to: path) }
}
