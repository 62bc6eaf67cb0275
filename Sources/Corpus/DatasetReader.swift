import Foundation

/// Reads data files: CSV, TSV, JSON Lines, and plain text for prediction.
public enum DatasetReader {
    /// What to make of a file.
    public struct Options: Sendable {
        /// The columns.
        public var columns: ColumnNames
        /// The classes that are known; a label beyond them is an error. Nil takes them from the file.
        public var labels: [String]?
        /// Whether every example must have a label. Without, labels are not read at all, and empty texts pass.
        public var requiresLabels: Bool
        /// The longest record in bytes.
        public var recordLimit: Int

        /// These options; records may have 8 MiB.
        public init(
            columns: ColumnNames = .init(), labels: [String]? = nil, requiresLabels: Bool = true,
            recordLimit: Int = 8 << 20
        ) {
            self.columns = columns
            self.labels = labels
            self.requiresLabels = requiresLabels
            self.recordLimit = recordLimit
        }
    }

    /// The formats, by the ends of file names.
    enum Format {
        case csv, tsv, jsonLines, plain

        init(path: String, requiresLabels: Bool) throws(CorpusError) {
            switch (path as NSString).pathExtension.lowercased() {
            case "csv": self = .csv
            case "tsv", "tab": self = .tsv
            case "jsonl", "json", "ndjson": self = .jsonLines
            case "txt" where !requiresLabels, "" where !requiresLabels: self = .plain
            default:
                throw CorpusError(
                    path, "what format is this? Name it .csv, .tsv or .jsonl (.txt where no labels are needed)")
            }
        }
    }

    /// Reads the labelled examples of a file.
    ///
    /// - Parameters:
    ///   - path: A file that ends with .csv, .tsv, .tab, .jsonl, .json or .ndjson, in UTF-8.
    ///   - columns: Which columns to read.
    ///   - labels: The classes that training knows, or nil.
    public static func read(
        _ path: String, columns: ColumnNames = .init(), labels: [String]? = nil
    ) throws(CorpusError) -> Dataset {
        try read(path, options: Options(columns: columns, labels: labels))
    }

    /// Reads the examples of a file.
    public static func read(_ path: String, options: Options) throws(CorpusError) -> Dataset {
        var labels = LabelIndex(known: options.requiresLabels ? options.labels : [])
        var examples: [Example] = []
        try forEach(path, options: options) { record throws(CorpusError) in
            var example = Example(text: record.text, pair: record.pair)
            if options.requiresLabels {
                guard let name = record.label, !name.isEmpty else {
                    throw CorpusError(path, line: record.line, "the label is empty")
                }
                guard let label = labels.number(of: name) else {
                    let known = labels.names.prefix(20).map { quoted($0) }.joined(separator: ", ")
                    throw CorpusError(
                        path, line: record.line, "the label \(quoted(name)) is none that training saw: \(known)")
                }
                example.label = label
                if record.text.allSatisfy(\.isWhitespace) {
                    throw CorpusError(path, line: record.line, "the text is empty; remove the line, or fill it in")
                }
            }
            examples.append(example)
        }
        guard !examples.isEmpty else { throw CorpusError(path, "there are no examples below the header") }
        guard options.requiresLabels else {
            return Dataset(path: path, labels: options.labels ?? [], examples: examples)
        }
        let (names, renumbered) = labels.ordered()
        for i in examples.indices { examples[i].label = examples[i].label.map { renumbered[Int($0)] } }
        return Dataset(path: path, labels: names, examples: examples)
    }

    /// A record as read.
    public struct Record: Sendable {
        /// The line that it begins on, from 1.
        public var line: Int
        /// The text.
        public var text: String
        /// The second text.
        public var pair: String?
        /// The label's name, where the file has a column for it.
        public var label: String?
    }

    /// Calls `body` with the records of a file, one by one: what is not kept costs no memory.
    public static func forEach(
        _ path: String, options: Options, _ body: (Record) throws(CorpusError) -> Void
    ) throws(CorpusError) {
        let format = try Format(path: path, requiresLabels: options.requiresLabels)
        let file = try TextFile(path)
        switch format {
        case .csv, .tsv: try readDelimited(file, tabs: format == .tsv, options: options, body)
        case .jsonLines: try readJSONLines(file, options: options, body)
        case .plain:
            try forEachLine(file, limit: options.recordLimit) { line, range throws(CorpusError) in
                try body(Record(line: line, text: try file.text(range)))
            }
        }
    }

    private static func readDelimited(
        _ file: TextFile, tabs: Bool, options: Options, _ body: (Record) throws(CorpusError) -> Void
    ) throws(CorpusError) {
        var reader = DelimitedReader(file, tabs: tabs, limit: options.recordLimit)
        var record = DelimitedReader.Record(line: 1, fields: [])
        guard try reader.next(into: &record) else { throw CorpusError(file.path, "the file is empty") }
        var header: [String] = []
        for field in record.fields {
            header.append(try reader.text(field).trimmingCharacters(in: .whitespaces))
        }
        if Set(header).count < header.count {
            let twice = header.first { name in header.count { $0 == name } > 1 } ?? ""
            throw CorpusError(file.path, line: 1, "the column \(quoted(twice)) occurs twice; is the header missing?")
        }
        let columns = try options.columns.resolve(header, needsLabel: options.requiresLabels, path: file.path)
        let text = header.firstIndex(of: columns.text) ?? 0
        let pair = columns.textPair.flatMap { header.firstIndex(of: $0) }
        let label = columns.label.flatMap { header.firstIndex(of: $0) }
        while try reader.next(into: &record) {
            guard record.fields.count == header.count else {
                throw CorpusError(
                    file.path, line: record.line,
                    "\(record.fields.count) fields, but the header has \(header.count); "
                        + (tabs ? "is there a tab too many or too few?" : "put a text with commas in quotes"))
            }
            try body(
                Record(
                    line: record.line, text: try reader.text(record.fields[text]),
                    pair: try pair.map { p throws(CorpusError) in try reader.text(record.fields[p]) },
                    label: try label.map { l throws(CorpusError) in try reader.text(record.fields[l]) }))
        }
    }

    /// Calls `body` with each line that is not blank, without its end.
    private static func forEachLine(
        _ file: TextFile, limit: Int, _ body: (Int, Range<Int>) throws(CorpusError) -> Void
    ) throws(CorpusError) {
        guard let base = file.bytes.baseAddress else { return }
        var position = file.start
        var line = 1
        while position < file.bytes.count {
            let rest = file.bytes.count - position
            let found = memchr(base + position, 10, rest).map { UnsafeRawPointer($0) - base } ?? file.bytes.count
            var end = found
            if end > position, file.bytes[end - 1] == 13 { end -= 1 }
            guard end - position <= limit else {
                throw CorpusError(
                    file.path, line: line, "the line is longer than \(limit) bytes; split it, or shorten it")
            }
            if end > position { try body(line, position..<end) }
            position = found + 1
            line += 1
        }
    }

    private static func readJSONLines(
        _ file: TextFile, options: Options, _ body: (Record) throws(CorpusError) -> Void
    ) throws(CorpusError) {
        var columns: ColumnNames.Resolved?
        try forEachLine(file, limit: options.recordLimit) { line, range throws(CorpusError) in
            _ = try file.text(range)
            let object: [String: JSONField]
            do {
                object = try JSONDecoder().decode(
                    [String: JSONField].self, from: Data(UnsafeRawBufferPointer(rebasing: file.bytes[range])))
            } catch {
                throw CorpusError(file.path, line: line, "not a JSON object; JSON Lines has one on each line")
            }
            let known: ColumnNames.Resolved
            if let columns {
                known = columns
            } else {
                known = try options.columns.resolve(
                    object.keys.sorted(), needsLabel: options.requiresLabels, path: file.path, line: line)
                columns = known
            }
            func value(_ key: String) throws(CorpusError) -> String {
                guard let field = object[key] else {
                    throw CorpusError(file.path, line: line, "the key \(quoted(key)) is missing")
                }
                guard let text = field.text else {
                    throw CorpusError(
                        file.path, line: line, "the value of \(quoted(key)) is no text, number or truth value")
                }
                return text
            }
            try body(
                Record(
                    line: line, text: try value(known.text),
                    pair: try known.textPair.map { key throws(CorpusError) in try value(key) },
                    label: options.requiresLabels
                        ? try known.label.map { key throws(CorpusError) in try value(key) } : nil))
        }
    }
}

/// A value of a JSON line, as a text; nil for null, arrays and objects.
private struct JSONField: Decodable {
    let text: String?

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let string = try? value.decode(String.self) {
            text = string
        } else if let bool = try? value.decode(Bool.self) {
            text = bool ? "true" : "false"
        } else if let integer = try? value.decode(Int.self) {
            text = String(integer)
        } else if let number = try? value.decode(Double.self) {
            text = "\(number)"
        } else {
            text = nil
        }
    }
}
