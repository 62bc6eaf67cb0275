import Corpus
import Foundation

/// Drawn examples as CSV, for other programs to learn from the same ones.
enum DrawFile {
    /// A header and a line for each example, as RFC 4180 has them.
    static func text(_ data: Dataset) -> String {
        let hasPairs = data.examples.contains { $0.pair != nil }
        var text = hasPairs ? "label,text,text_pair\n" : "label,text\n"
        for example in data.examples { text += line(example, data.labels, hasPairs: hasPairs) }
        return text
    }

    private static func line(_ example: Example, _ labels: [String], hasPairs: Bool) -> String {
        var line = ""
        if let number = example.classNumber { line = field(labels[Int(number)]) }
        line += "," + field(example.text)
        if hasPairs { line += "," + field(example.pair ?? "") }
        return line + "\n"
    }

    private static func field(_ text: String) -> String {
        let isPlain = !text.unicodeScalars.contains { "\",\r\n".unicodeScalars.contains($0) }
        let hasEdge = text.first?.isWhitespace == true || text.last?.isWhitespace == true
        guard !isPlain || hasEdge else { return text }
        // By scalars: a quote may be one character with what follows it.
        var quoted = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        return String(quoted) + "\""
    }
}
