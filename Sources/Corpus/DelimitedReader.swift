import Support

/// Reads records of CSV (RFC 4180) or TSV from a mapped file, without copying it.
///
/// CSV: fields are separated by commas; a field that begins with a quote goes to the closing quote, may hold commas,
/// line breaks and quotes written twice. A quote within a field that does not begin with one is a quote.
///
/// TSV: fields are separated by tabs, and a record is a line. What spreadsheets and pandas write is read back: a field
/// that is quoted by the rules of CSV from its first to its last byte, within one line, loses its quotes. Every other
/// quote is a quote, so that a text which merely begins with one (there are many in published data) swallows nothing
/// behind it.
///
/// In both, lines end with LF or CRLF, and blank ones are skipped.
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
        var line = 1
        var fields: [Field] = []
    }

    private let file: TextFile
    private let separator: UInt8
    private let isCSV: Bool
    private let limit: Int
    private var position: Int
    private var line = 1

    /// A reader of a file.
    ///
    /// - Parameter limit: The longest record in bytes.
    init(_ file: TextFile, tabs: Bool, limit: Int) {
        self.file = file
        separator = tabs ? 9 : 44
        isCSV = !tabs
        // Sums with it must not overflow.
        self.limit = min(max(limit, 0), 1 << 40)
        position = file.start
    }

    /// Reads the next record into `record`, whose memory is used again; false at the end.
    mutating func next(into record: inout Record) throws(FileError) -> Bool {
        let bytes = file.bytes
        while position < bytes.count, isLineEnd(position) {
            position += bytes[position] == 10 ? 1 : 2
            line += 1
        }
        guard position < bytes.count else { return false }
        record.line = line
        record.fields.removeAll(keepingCapacity: true)
        let first = position
        while true {
            let isLast: Bool
            if position < bytes.count, bytes[position] == 34, isCSV {
                isLast = try quotedField(&record, first: first)
            } else if let last = quotedWithinLine(&record) {
                isLast = last
            } else {
                isLast = try plainField(&record, first: first)
            }
            // A field may have been the rest of a line in one scan.
            guard position - first <= limit + 2 else { throw tooLong(record.line) }
            if isLast { return true }
        }
    }

    /// Whether LF or CRLF is there.
    private func isLineEnd(_ position: Int) -> Bool {
        let bytes = file.bytes
        guard position < bytes.count else { return false }
        return bytes[position] == 10
            || (bytes[position] == 13 && position + 1 < bytes.count && bytes[position + 1] == 10)
    }

    /// Whether a record is Excel's first line "sep=,", which names the separator.
    ///
    /// - Throws: If it names another one than this reader's.
    func isSeparatorLine(_ record: Record) throws(FileError) -> Bool {
        guard let first = record.fields.first, record.fields.count <= 2, first.range.count <= 8 else { return false }
        let name = try text(first).lowercased()
        guard name.hasPrefix("sep=") else { return false }
        if record.fields.count == 2 { return name == "sep=" && record.fields[1].range.isEmpty }
        let named = name.dropFirst(4)
        if named.utf8.elementsEqual([separator]) { return true }
        throw FileError(
            file.path, line: record.line,
            "the line \(quoted(name)) says that fields are separated by \(quoted(String(named)))"
                + (separatorHint([String(named)]).isEmpty
                    ? "; save the file with commas" : separatorHint([String(named)])))
    }

    /// Reads a field up to a separator or the end of the line; true if it is the record's last.
    private mutating func plainField(_ record: inout Record, first: Int) throws(FileError) -> Bool {
        let bytes = file.bytes
        let stop = min(bytes.count, first + limit + 1)
        let start = position
        var here = start
        while here < stop, bytes[here] != separator, bytes[here] != 10 { here += 1 }
        if here < bytes.count, here >= stop { throw tooLong(record.line) }
        var end = here
        if here < bytes.count, bytes[here] == 10, end > start, bytes[end - 1] == 13 { end -= 1 }
        record.fields.append(Field(range: start..<end, hasEscapes: false))
        return pass(here)
    }

    /// Goes on behind the field that ends before `here`: a separator, the end of a line or that of the file.
    private mutating func pass(_ here: Int) -> Bool {
        position = here + 1
        guard here < file.bytes.count else {
            position = here
            return true
        }
        guard file.bytes[here] == 10 else { return false }
        line += 1
        return true
    }

    /// Reads a quoted field of a CSV file, over line breaks too.
    private mutating func quotedField(_ record: inout Record, first: Int) throws(FileError) -> Bool {
        let bytes = file.bytes
        let opening = line
        let stop = min(bytes.count, first + limit + 1)
        let start = position + 1
        var here = start
        var hasEscapes = false
        while true {
            while here < stop, bytes[here] != 34 {
                if bytes[here] == 10 { line += 1 }
                here += 1
            }
            guard here < stop else {
                throw stop < bytes.count
                    ? tooLong(opening)
                    : FileError(
                        file.path, line: opening,
                        "a quoted field begins here and never ends; close it, or write quotes within it twice")
            }
            guard here + 1 < bytes.count, bytes[here + 1] == 34 else { break }
            hasEscapes = true
            here += 2
        }
        record.fields.append(Field(range: start..<here, hasEscapes: hasEscapes))
        here += 1
        if isLineEnd(here), bytes[here] == 13 { here += 1 }
        guard here == bytes.count || bytes[here] == separator || bytes[here] == 10 else {
            // Where another separator stands between quoted fields, it is that.
            let hint = separatorHint([String(UnicodeScalar(bytes[here]))])
            throw FileError(
                file.path, line: line,
                "text follows a closing quote"
                    + (hint.isEmpty ? "; a quote within a quoted field is written twice, as \"\"" : hint))
        }
        return pass(here)
    }

    /// Reads a field of a TSV file that is quoted from its first to its last byte; nil if this one is not.
    private mutating func quotedWithinLine(_ record: inout Record) -> Bool? {
        let bytes = file.bytes
        guard !isCSV, position < bytes.count, bytes[position] == 34 else { return nil }
        let start = position + 1
        let stop = min(bytes.count, start + limit)
        var here = start
        var hasEscapes = false
        while true {
            while here < stop, bytes[here] != 34, bytes[here] != 10 { here += 1 }
            guard here < stop, bytes[here] == 34 else { return nil }
            guard here + 1 < bytes.count, bytes[here + 1] == 34 else { break }
            hasEscapes = true
            here += 2
        }
        let after = here + 1
        guard after == bytes.count || bytes[after] == separator || isLineEnd(after) else { return nil }
        record.fields.append(Field(range: start..<here, hasEscapes: hasEscapes))
        return pass(isLineEnd(after) && bytes[after] == 13 ? after + 1 : after)
    }

    private func tooLong(_ line: Int) -> FileError {
        FileError(
            file.path, line: line,
            "the record is longer than \(limit) bytes; is a quote or a line break missing? Split it, or shorten it")
    }

    /// The text of a field.
    func text(_ field: Field) throws(FileError) -> String {
        field.hasEscapes ? try file.text(field.range, halvingEach: 34) : try file.text(field.range)
    }
}
