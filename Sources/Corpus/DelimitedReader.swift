import Foundation

/// Reads records of CSV (RFC 4180) or TSV from a mapped file, without copying it.
///
/// CSV: fields are separated by commas; a field that begins with a quote goes to the closing quote, may hold commas, line
/// breaks and quotes written twice. TSV (IANA text/tab-separated-values): fields are separated by tabs, quotes mean
/// nothing, and a field can hold neither tab nor line break. Lines end with LF or CRLF; blank ones are skipped.
struct DelimitedReader {
    /// A field within the file.
    struct Field {
        /// Its bytes, without the quotes around it.
        var range: Range<Int>
        /// Whether quotes within are written twice.
        var hasEscapes: Bool
    }

    /// A record with the line that it begins on.
    struct Record {
        var line: Int
        var fields: [Field]
    }

    private let file: TextFile
    private let separator: UInt8
    private let quotes: Bool
    private let limit: Int
    private var position: Int
    private var line = 1

    init(_ file: TextFile, tabs: Bool, limit: Int) {
        self.file = file
        separator = tabs ? 9 : 44
        quotes = !tabs
        self.limit = limit
        position = file.start
    }

    /// The next record, nil at the end. `fields` of the record that is passed in are reused.
    mutating func next(into record: inout Record) throws(CorpusError) -> Bool {
        let bytes = file.bytes
        let end = bytes.count
        // Blank lines.
        while position < end,
            bytes[position] == 10 || (bytes[position] == 13 && position + 1 < end && bytes[position + 1] == 10)
        {
            position += bytes[position] == 10 ? 1 : 2
            line += 1
        }
        guard position < end else { return false }
        record.line = line
        record.fields.removeAll(keepingCapacity: true)
        let first = position
        while true {
            let ended = try field(&record, first: first)
            if ended { return true }
        }
    }

    /// Reads one field; true if it is the record's last.
    private mutating func field(_ record: inout Record, first: Int) throws(CorpusError) -> Bool {
        let bytes = file.bytes
        let end = bytes.count
        if quotes, position < end, bytes[position] == 34 { return try quotedField(&record, first: first) }
        let start = position
        while position < end {
            let byte = bytes[position]
            if byte == separator {
                record.fields.append(Field(range: start..<position, hasEscapes: false))
                position += 1
                return false
            }
            if byte == 10 {
                let stop = position > start && bytes[position - 1] == 13 ? position - 1 : position
                record.fields.append(Field(range: start..<stop, hasEscapes: false))
                position += 1
                line += 1
                return true
            }
            position += 1
            if position - first > limit { throw tooLong(record.line) }
        }
        record.fields.append(Field(range: start..<end, hasEscapes: false))
        return true
    }

    private mutating func quotedField(_ record: inout Record, first: Int) throws(CorpusError) -> Bool {
        let bytes = file.bytes
        let end = bytes.count
        let opening = line
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            guard position < end else {
                throw CorpusError(
                    file.path, line: opening,
                    "a quoted field begins here and never ends; close it, or double its quotes")
            }
            if position - first > limit { throw tooLong(record.line) }
            let byte = bytes[position]
            if byte == 10 { line += 1 }
            guard byte == 34 else {
                position += 1
                continue
            }
            if position + 1 < end, bytes[position + 1] == 34 {
                hasEscapes = true
                position += 2
                continue
            }
            break
        }
        record.fields.append(Field(range: start..<position, hasEscapes: hasEscapes))
        position += 1
        guard position < end else { return true }
        if bytes[position] == separator {
            position += 1
            return false
        }
        if bytes[position] == 13, position + 1 < end, bytes[position + 1] == 10 { position += 1 }
        guard bytes[position] == 10 else {
            throw CorpusError(
                file.path, line: line,
                "text follows a closing quote; a quote within a quoted field is written twice, as \"\"")
        }
        position += 1
        line += 1
        return true
    }

    private func tooLong(_ line: Int) -> CorpusError {
        CorpusError(
            file.path, line: line,
            "the record is longer than \(limit) bytes; is a quote or a line break missing? Split it, or shorten it")
    }

    /// The text of a field.
    func text(_ field: Field) throws(CorpusError) -> String {
        let text = try file.text(field.range)
        return field.hasEscapes ? text.replacingOccurrences(of: "\"\"", with: "\"") : text
    }
}
