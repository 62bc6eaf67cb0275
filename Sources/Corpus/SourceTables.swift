import Foundation
import Support

/// Turns the files of fetched packages into `train.csv` and `test.csv`.
enum SourceTables {
    /// The lines of a file, ended by LF or CRLF.
    private static func lines(_ path: String) throws(FileError) -> [Substring] {
        let file = try TextFile(path)
        let text = try file.text(file.start..<file.bytes.count)
        return text.utf8.split(separator: 10, omittingEmptySubsequences: false).map {
            $0.last == 13 ? Substring($0.dropLast()) : Substring($0)
        }
    }

    /// A table of label and text, behind three lines of header. Rows that lack either are left out: each of these files
    /// has a blank row behind its header.
    static func writeTable(_ source: String, to path: String) throws(FileError) {
        var csv = CSVWriter()
        for line in try lines(source).dropFirst(3) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 2, !fields.contains(where: { isBlank($0) }) else { continue }
            csv.add([String(fields[0]), String(fields[1])])
        }
        try csv.write(to: path)
    }

    /// A table of number, mean score and text: positive above 0.5, negative below -0.5; every fifth of these to
    /// the test set.
    static func writeScores(_ source: String, to folder: String) throws(FileError) {
        var rows: [(String, String)] = []
        for line in try lines(source) {
            let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let score = Double(fields[1]), abs(score) > 0.5, !isBlank(fields[2]) else {
                continue
            }
            rows.append((score > 0 ? "positive" : "negative", String(fields[2])))
        }
        try writeSplit(rows, to: folder)
    }

    /// A file of positive and one of negative texts; every fifth of what is kept to the test set.
    ///
    /// These files repeat most of their texts, so that a test set of every fifth line would be to 70% in the training
    /// set: of equal texts the first is kept, and of those in both files none.
    static func writeLines(positive: String, negative: String, to folder: String) throws(FileError) {
        let positives = try distinct(lines(positive))
        let negatives = try distinct(lines(negative))
        let (inPositives, inNegatives) = (Set(positives), Set(negatives))
        let rows =
            positives.filter { !inNegatives.contains($0) }.map { ("positive", $0) }
            + negatives.filter { !inPositives.contains($0) }.map { ("negative", $0) }
        try writeSplit(rows, to: folder)
    }

    /// Texts that are not blank, the first of equal ones, in their order.
    private static func distinct(_ lines: [Substring]) -> [String] {
        var seen: Set<Substring> = []
        return lines.filter { !isBlank($0) && seen.insert($0).inserted }.map { String($0) }
    }

    private static func writeSplit(_ rows: [(label: String, text: String)], to folder: String) throws(FileError) {
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
    // Bytes: to Swift's strings, a quote with a combining mark behind it is no quote, and CRLF is one character.
    private var bytes = Array("label,text\n".utf8)

    /// Adds a record; fields with commas, quotes or line breaks are put in quotes.
    mutating func add(_ fields: [String]) {
        for (i, field) in fields.enumerated() {
            if i > 0 { bytes.append(44) }
            if field.isEmpty || field.utf8.contains(where: { $0 == 44 || $0 == 34 || $0 == 10 || $0 == 13 }) {
                bytes.append(34)
                for byte in field.utf8 {
                    if byte == 34 { bytes.append(34) }
                    bytes.append(byte)
                }
                bytes.append(34)
            } else {
                bytes.append(contentsOf: field.utf8)
            }
        }
        bytes.append(10)
    }

    /// Writes the file.
    func write(to path: String) throws(FileError) { try FetchCache.write(Data(bytes), to: path) }
}
