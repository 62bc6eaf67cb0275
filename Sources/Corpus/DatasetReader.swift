import Support

/// Reads data files: CSV, TSV, JSON Lines, and plain text for prediction.
///
/// The format is known by the end of the name: `.csv`; `.tsv`, `.tab`; `.jsonl`, `.ndjson`, `.json` (an object a line);
/// and, where no labels are needed, `.txt` or none (one text per line). All are UTF-8, with or without a byte order
/// mark. The file is mapped, not loaded: besides the examples, reading takes next to no memory.
public enum DatasetReader {
    /// What to make of a file.
    public struct Options: Sendable {
        /// The columns.
        public var columns: ColumnNames
        /// Reads the labels, which every example must have, and a text that is not blank. Nil: labels are not read at
        /// all, and empty texts pass.
        public var labels: (any LabelReader)?
        /// Whether the second text of an example with a label, where there is one, must not be blank either.
        public var needsSecondText: Bool
        /// The longest record in bytes.
        public var recordLimit: Int
        /// How many records are read; nil for all.
        public var first: Int?

        /// These options; records may have 8 MiB.
        public init(
            columns: ColumnNames = .init(), labels: (any LabelReader)? = ClassLabelReader(),
            needsSecondText: Bool = false, recordLimit: Int = 8 << 20, first: Int? = nil
        ) {
            self.columns = columns
            self.labels = labels
            self.needsSecondText = needsSecondText
            self.recordLimit = recordLimit
            self.first = first
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
        /// The label; nil where labels are not read.
        public var label: RawLabel?
    }

    /// Reads the examples of a file, each with one class.
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
        try read(path, options: Options(columns: columns, labels: ClassLabelReader(known: labels)))
    }

    /// Reads the examples of a file.
    ///
    /// - Throws: An error that names the file, the line, and what to do.
    public static func read(_ path: String, options: Options) throws(FileError) -> Dataset {
        var reader = options.labels
        var examples: [Example] = []
        let columns = try forEach(path, options: options) { record throws(FileError) in
            var example = Example(text: record.text, pair: record.pair)
            if let label = try reader?.read(record.label, line: record.line, path: path) {
                guard !isBlank(record.text) else {
                    throw FileError(
                        path, line: record.line, "the text is empty; fill it in, or remove the example")
                }
                guard !options.needsSecondText || !(record.pair.map(isBlank) ?? false) else {
                    throw FileError(
                        path, line: record.line, "the second text is empty; fill it in, or remove the example")
                }
                example.label = label
            }
            examples.append(example)
        }
        guard !examples.isEmpty else { throw FileError(path, "there are no examples in the file; add some") }
        guard let reader else { return Dataset(path: path, labels: [], examples: examples, columns: columns) }
        let (names, labels) = reader.finish(examples.map(\.label))
        for i in examples.indices { examples[i].label = labels[i] }
        return Dataset(path: path, labels: names, examples: examples, columns: columns)
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
        let format = try DatasetFormat(path: path, requiresLabels: options.labels != nil)
        let file = try TextFile(path)
        switch format {
        case .csv, .tsv: return try readDelimited(file, tabs: format == .tsv, options: options, body)
        case .jsonLines: return try JSONLinesReader.read(file, options: options, body)
        case .plain:
            try file.forEachLine(limit: options.recordLimit) { line, range throws(FileError) in
                try body(Record(line: line, text: try file.text(range)))
                return line < options.first ?? .max
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
            header, needsLabel: options.labels != nil, path: file.path, line: record.line)
        func position(_ name: String?) -> Int? { name.flatMap { header.firstIndex(of: $0) } }
        let (pair, label) = (position(columns.textPair), position(columns.label))
        guard let text = position(columns.text) else { return nil }
        var unused = UnusedTexts(header, used: columns)
        var rest = options.first ?? .max
        while rest > 0, try reader.next(into: &record) {
            rest -= 1
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
                    label: try label.map { l throws(FileError) in .text(try reader.text(record.fields[l])) }))
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
