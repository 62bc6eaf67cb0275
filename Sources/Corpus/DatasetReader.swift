import Support

/// Reads data files: CSV, TSV, JSON Lines, and plain text for prediction.
///
/// The format is known by the end of the name: `.csv`; `.tsv`, `.tab`; `.jsonl`, `.ndjson`, `.json` (an object a line);
/// and, where no labels are needed, `.txt` or none (a text a line). All are UTF-8, with or without a byte order mark.
/// The file is mapped, not loaded: besides the examples, reading takes next to no memory.
public enum DatasetReader {
    /// What to make of a file.
    public struct Options: Sendable {
        /// The columns.
        public var columns: ColumnNames
        /// The classes that are known; a label beyond them is an error. Nil takes them from the file.
        public var labels: [String]?
        /// Whether every example must have a label, and a text that is not blank. Without, labels are not read at all,
        /// and empty texts pass.
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

    /// A record as read.
    public struct Record: Sendable, Equatable {
        /// The line that it begins on, from 1.
        public var line: Int
        /// The text.
        public var text: String
        /// The second text.
        public var pair: String?
        /// The label's name; nil where labels are not required.
        public var label: String?
    }

    /// Reads the labelled examples of a file.
    ///
    /// - Parameters:
    ///   - path: A file that ends with .csv, .tsv, .tab, .jsonl, .json or .ndjson, in UTF-8.
    ///   - columns: Which columns to read.
    ///   - labels: The classes that training knows, or nil for those of the file, sorted: by value if all are integers,
    ///     else by Unicode code points.
    /// - Throws: An error that names the file, the line, and what to do.
    public static func read(
        _ path: String, columns: ColumnNames = .init(), labels: [String]? = nil
    ) throws(FileError) -> Dataset {
        try read(path, options: Options(columns: columns, labels: labels))
    }

    /// Reads the examples of a file.
    ///
    /// - Throws: An error that names the file, the line, and what to do.
    public static func read(_ path: String, options: Options) throws(FileError) -> Dataset {
        var labels = LabelIndex(known: options.requiresLabels ? options.labels : [])
        var examples: [Example] = []
        let columns = try forEach(path, options: options) { record throws(FileError) in
            var example = Example(text: record.text, pair: record.pair)
            if options.requiresLabels { example.label = try labelNumber(record, &labels, path) }
            examples.append(example)
        }
        guard !examples.isEmpty else { throw FileError(path, "there are no examples in the file; add some") }
        guard options.requiresLabels else {
            return Dataset(path: path, labels: options.labels ?? [], examples: examples, columns: columns)
        }
        let (names, renumbered) = labels.ordered()
        for i in examples.indices { examples[i].label = examples[i].label.map { renumbered[Int($0)] } }
        return Dataset(path: path, labels: names, examples: examples, columns: columns)
    }

    /// The provisional number of a record's label, if the record is fit to learn from.
    private static func labelNumber(
        _ record: Record, _ labels: inout LabelIndex, _ path: String
    ) throws(FileError) -> Int32 {
        guard let name = record.label, !isBlank(name) else {
            throw FileError(path, line: record.line, "the label is empty; fill it in, or remove the example")
        }
        guard let label = labels.number(of: name) else {
            throw FileError(
                path, line: record.line,
                "the label \(quoted(name)) is none that training saw (\(listed(labels.names)))"
                    + "\(ClassNames.hint(name, among: labels.names)); correct it, or remove the example")
        }
        guard !isBlank(record.text) else {
            throw FileError(path, line: record.line, "the text is empty; fill it in, or remove the example")
        }
        return label
    }

    /// Whether there is nothing but white space.
    private static func isBlank(_ text: String) -> Bool {
        if let first = text.utf8.first, first > 32, first < 127 { return false }
        return text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }

    /// Calls `body` with the records of a file, one by one: what is not kept costs no memory.
    ///
    /// In plain text every line is a record, blank ones too, so that answers line up with the file; the other formats
    /// skip blank lines.
    ///
    /// - Returns: The columns that were read; nil for plain text and for a file without records.
    /// - Throws: An error that names the file, the line, and what to do.
    @discardableResult
    public static func forEach(
        _ path: String, options: Options, _ body: (Record) throws(FileError) -> Void
    ) throws(FileError) -> DatasetColumns? {
        let format = try DatasetFormat(path: path, requiresLabels: options.requiresLabels)
        let file = try TextFile(path)
        switch format {
        case .csv, .tsv: return try readDelimited(file, tabs: format == .tsv, options: options, body)
        case .jsonLines: return try JSONLinesReader.read(file, options: options, body)
        case .plain:
            try file.forEachLine(limit: options.recordLimit) { line, range throws(FileError) in
                try body(Record(line: line, text: try file.text(range)))
            }
            return nil
        }
    }

    private static func readDelimited(
        _ file: TextFile, tabs: Bool, options: Options, _ body: (Record) throws(FileError) -> Void
    ) throws(FileError) -> DatasetColumns? {
        var reader = DelimitedReader(file, tabs: tabs, limit: options.recordLimit)
        var record = DelimitedReader.Record()
        guard try reader.next(into: &record) else { throw FileError(file.path, "the file is empty") }
        if try reader.isSeparatorLine(record) {
            guard try reader.next(into: &record) else { throw FileError(file.path, "the file is empty") }
        }
        var header: [String] = []
        for field in record.fields {
            let name = try reader.text(field)
            guard tabs || !name.utf8.contains(13) else {
                throw FileError(
                    file.path, line: record.line,
                    "a column's name holds a CR; if lines end with CR alone, convert them, as with tr '\\r' '\\n'")
            }
            header.append(String(name.drop(while: \.isWhitespace).trimmingSuffix(while: \.isWhitespace)))
        }
        var columns = try options.columns.resolve(
            header, needsLabel: options.requiresLabels, path: file.path, line: record.line)
        func position(_ name: String?) -> Int? { name.flatMap { header.firstIndex(of: $0) } }
        let (pair, label) = (position(columns.textPair), position(columns.label))
        guard let text = position(columns.text) else { return nil }
        var unused = UnusedTexts(header, used: columns)
        while try reader.next(into: &record) {
            guard record.fields.count == header.count else {
                throw FileError(
                    file.path, line: record.line,
                    "\(plural(record.fields.count, "field")), but the header has \(header.count); "
                        + (try fieldsAdvice(record, reader, tabs: tabs, expected: header.count)))
            }
            try body(
                Record(
                    line: record.line, text: try reader.text(record.fields[text]),
                    pair: try pair.map { p throws(FileError) in try reader.text(record.fields[p]) },
                    label: try label.map { l throws(FileError) in try reader.text(record.fields[l]) }))
            try unused.add { i throws(FileError) in try reader.text(record.fields[i]) }
        }
        columns.unusedTexts = unused.found
        return columns
    }

    /// What to do about a record with more or fewer fields than the header.
    private static func fieldsAdvice(
        _ record: DelimitedReader.Record, _ reader: DelimitedReader, tabs: Bool, expected: Int
    ) throws(FileError) -> String {
        if tabs { return "is there a tab or line break too many or too few?" }
        if record.fields.count < expected {
            return "is a field missing, or a line break in a text that is not in quotes?"
        }
        // A quote behind a blank is a part of the field, and so separates nothing.
        for field in record.fields where try reader.text(field).drop(while: \.isWhitespace).first == "\"" {
            return "a field in quotes begins with the quote: remove the blank before it"
        }
        return "put a text with commas in quotes"
    }
}

extension Substring {
    /// Without the characters at its end that are so.
    fileprivate func trimmingSuffix(while isIt: (Character) -> Bool) -> Substring {
        var end = endIndex
        while end > startIndex, isIt(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}
