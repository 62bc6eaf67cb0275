import Foundation
import Support
import Tagging

/// Reads texts whose words have tags: columns as those of CoNLL (one word per line), the arguments of predicates in
/// CoNLL-U Plus, and JSON Lines with spans or with tags.
public enum TaggedReader {
    /// What to make of a file.
    public struct Options: Sendable {
        /// The columns, or keys.
        public var columns: ColumnNames
        /// The tags that training knows; nil for those of the file.
        public var known: [String]?
        /// Whether tags that break the scheme are mended.
        public var repairsTags: Bool
        /// Whether tags are read at all.
        public var readsTags: Bool
        /// The longest line in bytes.
        public var lineLimit: Int

        /// These options; lines may have 8 MiB.
        public init(
            columns: ColumnNames = .init(), known: [String]? = nil, repairsTags: Bool = false, readsTags: Bool = true,
            lineLimit: Int = 8 << 20
        ) {
            self.columns = columns
            self.known = known
            self.repairsTags = repairsTags
            self.readsTags = readsTags
            self.lineLimit = lineLimit
        }
    }

    /// The ends of names of files with columns.
    static let columnExtensions: Set<String> = [
        "conll", "conllu", "conllup", "conllx", "iob", "iob2", "bio", "bioes", "bilou", "bmes",
    ]
    /// The ends of names of files with columns that may be something else.
    static let otherExtensions: Set<String> = ["txt", "tsv", "tab", ""]

    /// Whether the name says that a file has columns with one word per line.
    public static func hasColumns(_ path: String) -> Bool { columnExtensions.contains(pathExtension(path)) }

    /// Whether a file holds sentences that are cut into words, or predicates: what a reader of texts would not see.
    public static func hasWords(_ path: String) -> Bool {
        if hasColumns(path) { return true }
        guard isJSON(path), let object = firstObject(path) else { return false }
        return object["predicate"] != nil || SpanLinesReader.tokenKeys.contains { object[$0]?.array != nil }
    }

    static func pathExtension(_ path: String) -> String { (path as NSString).pathExtension.lowercased() }

    static func isJSON(_ path: String) -> Bool { ["jsonl", "json", "ndjson"].contains(pathExtension(path)) }

    /// Reads the sentences of a file.
    ///
    /// - Throws: An error that names the file, the line, and what to do: for tags that break their scheme, spans that
    ///   overlap or lie outside of their text, and all else that cannot be meant.
    public static func read(_ path: String, options: Options) throws(FileError) -> Dataset {
        let (sentences, notices, columns): ([TaggedSentence], [String], DatasetColumns)
        if isJSON(path) {
            var reader = SpanLinesReader(path, options: options)
            try reader.read(try TextFile(path))
            (sentences, notices, columns) = (reader.sentences, reader.notices, reader.columns)
        } else if columnExtensions.contains(pathExtension(path)) || otherExtensions.contains(pathExtension(path)) {
            var reader = ColumnsReader(path, options: options)
            try reader.read(try TextFile(path))
            (sentences, notices, columns) = (reader.sentences, reader.notices, reader.columns)
        } else {
            try TextFile.check(path)
            throw FileError(
                path,
                "what format is this? For tags of words name it .conll or .conllu (one word per line, its tag in the last "
                    + "column) or .jsonl (a text with its spans)")
        }
        guard !sentences.isEmpty else {
            throw FileError(path, "there are no \(columns.textPair == nil ? "sentences" : "predicates") in the file")
        }
        var data = Dataset(
            path: path, labels: [],
            examples: sentences.map { Example(text: $0.text, pair: $0.pair, words: $0.words) }, columns: columns)
        data.notices = notices
        guard options.readsTags else { return data }
        let labels = try TagLabels(sentences, path: path, options: options)
        data.labels = labels.names
        data.notices += labels.notices
        data.warnings += labels.warnings
        data.unknownLabelCount = labels.unknownCount
        for (index, numbers) in labels.numbers.enumerated() { data.examples[index].label = .tags(numbers) }
        return data
    }
}
