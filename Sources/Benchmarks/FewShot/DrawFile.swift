import Corpus
import Foundation

/// Drawn examples as CSV, for other programs to learn from the same ones.
enum DrawFile {
    /// A header and a line for each example, as RFC 4180 has them.
    static func text(_ data: Dataset) -> String {
        let hasPairs = data.examples.contains { $0.pair != nil }
        var text = hasPairs ? "label,text,text_pair\n" : "label,text\n"
        for example in data.examples {
            let label = example.classNumber.map { data.labels[Int($0)] } ?? ""
            let fields = [label, example.text] + (hasPairs ? [example.pair ?? ""] : [])
            text += fields.map { field($0) }.joined(separator: ",") + "\n"
        }
        return text
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
