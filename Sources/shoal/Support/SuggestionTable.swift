import Corpus
import Dashboard
import FewShot
import Foundation
import Inference
import Modeling
import Support

/// What is suggested: a table for people, and a file.
struct SuggestionTable {
    /// What stands in a column.
    enum Cell {
        case integer(Int)
        case text(String)
        /// A probability.
        case number(Float)
    }
    /// The columns in the file.
    let columns: [String]
    /// One cell for each column.
    private(set) var rows: [[Cell]] = []
    /// Lines about it.
    private(set) var notices: [String] = []

    /// Columns of a terminal that a text may take.
    private static let textColumns = 60

    /// What a classifier asks to be told of texts.
    static func queries(_ texts: NumberedTexts, _ pipeline: TextPipeline, count: Int) throws -> SuggestionTable {
        var (features, logits, scores) = ([Float](), [Double](), [Double?]())
        var width = 0
        var review = InputReview(pipeline)
        for first in stride(from: 0, to: texts.examples.count, by: TextPipeline.window) {
            let window = Array(texts.examples[first..<min(first + TextPipeline.window, texts.examples.count)])
            review.add(window, pipeline)
            for found in try pipeline.outputs(window) {
                let row = found.embedding ?? found.values
                width = row.count
                features += row
                logits += found.values.map { Double($0) }
                scores.append(found.outOfScope)
            }
        }
        review.finish()
        let labels = pipeline.labels
        var matrix = ScoreMatrix(rows: texts.examples.count, classes: labels.count)
        matrix.values = logits
        let probabilities = matrix.softmax()
        let chosen = LabelQueries.choose(
            probabilities, FeatureMatrix(rows: texts.examples.count, width: max(width, 1), values: features),
            count: count)
        let hasPairs = texts.examples.contains { $0.pair != nil }
        var table = SuggestionTable(
            columns: ["row", "text"] + (hasPairs ? ["text_pair"] : []) + ["predicted_label", "confidence", "reason"])
        for index in chosen {
            let order = (0..<labels.count).sorted {
                (probabilities[index, $1], $0) < (probabilities[index, $0], $1)
            }
            let example = texts.examples[index]
            let best = order[0]
            var reason = order.prefix(2).map {
                "\(labels[$0]) \(String(format: "%.2f", probabilities[index, $0]))"
            }.joined(separator: " or ")
            if let score = scores[index], score > OutOfScopeScore.limit {
                reason += String(format: "; out of scope (%.2f)", score)
            }
            table.rows.append(
                [.integer(texts.rows[index]), .text(example.text)] + (hasPairs ? [.text(example.pair ?? "")] : [])
                    + [.text(labels[best]), .number(Float(probabilities[index, best])), .text(reason)])
        }
        let isEmbedded = width > 0 && features.count != logits.count
        table.notices.append(
            "\(grouped(chosen.count)) of \(plural(texts.examples.count, "text")), by the margin between the two most "
                + "probable classes and the distance of "
                + (isEmbedded ? "embeddings" : "logits, since the classifier does not stand on embeddings"))
        return table
    }

    /// Labels that are probably wrong.
    ///
    /// - Parameter count: How many; nil for as many as are probably wrong.
    static func wrongLabels(_ data: Dataset, _ features: TextFeatures, count: Int?) throws -> SuggestionTable {
        let counts = data.classCounts
        // What nothing else is like cannot be recognised when it is held out.
        let used = data.examples.indices.filter { index in
            data.examples[index].classNumber.map { counts[Int($0)] > 1 } ?? false
        }
        let alone = data.examples.count - used.count
        let labels = used.map { Int(data.examples[$0].classNumber ?? 0) }
        guard Set(labels).count > 1 else {
            throw FileError(
                data.path,
                "has fewer than two classes with more than one example: labels cannot be compared; add examples")
        }
        var review = InputReview(features.pipeline, isPairModel: nil)
        let examples = used.map { data.examples[$0] }
        review.add(examples, features.pipeline)
        review.finish()
        let probabilities = LabelErrors.heldOutProbabilities(
            try features.features(examples), labels: labels, classes: data.labels.count, seed: 0)
        let found = LabelErrors(probabilities, labels: labels)
        let hasPairs = examples.contains { $0.pair != nil }
        var table = SuggestionTable(
            columns: ["row", "text"] + (hasPairs ? ["text_pair"] : [])
                + ["label", "proposed_label", "label_probability", "proposed_probability"])
        for candidate in found.candidates.prefix(count ?? found.estimate) {
            let example = examples[candidate.row]
            table.rows.append(
                [.integer(used[candidate.row] + 1), .text(example.text)]
                    + (hasPairs ? [.text(example.pair ?? "")] : [])
                    + [
                        .text(data.labels[candidate.given]), .text(data.labels[candidate.proposed]),
                        .number(Float(candidate.givenProbability)), .number(Float(candidate.proposedProbability)),
                    ])
        }
        table.notices.append(
            "about \(grouped(found.estimate)) of \(plural(labels.count, "label")) are probably wrong; "
                + "\(grouped(found.candidates.count)) are less probable than another one")
        if alone > 0 {
            table.notices.append("\(plural(alone, "example")) left out, each the only one of its class")
        }
        return table
    }

    /// For people.
    var text: String {
        var table = TextTable(columns: columns.map { $0.replacing("_", with: " ") })
        for row in rows {
            table.add(
                row.enumerated().map { column, cell in
                    switch cell {
                    case .integer(let value): return .figure("\(value)")
                    case .number(let value): return .figure(String(format: "%.4f", value))
                    case .text(let value):
                        let width = ["text", "text_pair", "reason"].contains(columns[column]) ? Self.textColumns : 40
                        return .text(value.printable().shortened(to: width))
                    }
                })
        }
        return table.text
    }

    /// Writes the table to a file, by the end of its name as CSV or as JSON Lines.
    func write(to path: String) throws {
        let isCSV = path.lowercased().hasSuffix(".csv")
        let bytes = isCSV ? csv : jsonLines
        try DurableFile.replace(path) { file throws(FileError) in try file.write(Data(bytes)) }
    }

    /// As in RFC 4180, with line feeds.
    private var csv: [UInt8] {
        func field(_ text: String) -> String {
            guard text.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return text }
            return "\"\(text.replacing("\"", with: "\"\""))\""
        }
        let lines =
            [columns.joined(separator: ",")]
            + rows.map { row in
                row.map { cell in
                    switch cell {
                    case .integer(let value): "\(value)"
                    case .number(let value): "\(value)"
                    case .text(let value): field(value)
                    }
                }.joined(separator: ",")
            }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    private var jsonLines: [UInt8] {
        var json = JSONWriter()
        for row in rows {
            json.raw("{")
            for (column, cell) in row.enumerated() {
                if column > 0 { json.raw(", ") }
                json.string(columns[column])
                json.raw(": ")
                switch cell {
                case .integer(let value): json.raw("\(value)".utf8)
                case .number(let value): json.number(value)
                case .text(let value): json.string(value)
                }
            }
            json.raw("}")
            json.newline()
        }
        return json.bytes
    }
}
