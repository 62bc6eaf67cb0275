import Support

/// Reads JSON Lines: one object per line, whose values may be texts, numbers and truth values. Blank lines are skipped.
enum JSONLinesReader {
    /// Calls `body` with the records of a file. Guessed keys are those of the first object.
    static func read(
        _ file: TextFile, options: DatasetReader.Options, _ body: (DatasetReader.Record) throws(FileError) -> Void
    ) throws(FileError) -> DatasetColumns? {
        var columns: DatasetColumns?
        var names: [String] = []
        var unused: UnusedTexts?
        var rest = options.first ?? .max
        try file.forEachLine(limit: options.recordLimit) { line, range throws(FileError) in
            guard !isBlank(file.bytes[range]) else { return true }
            rest -= 1
            let object = try object(file, line, range)
            let keys: DatasetColumns
            if let columns {
                keys = columns
            } else {
                names = object.keys.sorted()
                keys = try options.columns.resolve(
                    names, needsLabel: options.labels != nil, path: file.path, line: line)
                columns = keys
                unused = UnusedTexts(names, used: keys)
            }
            func value(_ key: String) throws(FileError) -> String {
                guard let field = object[key] else {
                    throw FileError(
                        file.path, line: line,
                        "the key \(quoted(key)) is missing; there are \(listed(object.keys.sorted()))")
                }
                guard let text = field.text else {
                    throw FileError(
                        file.path, line: line,
                        "the value of \(quoted(key)) is \(field.kind); give a text, a number, true or false")
                }
                guard !text.utf8.contains(0) else {
                    throw FileError(
                        file.path, line: line, "the value of \(quoted(key)) holds a NUL (\\u0000); remove it")
                }
                return text
            }
            try body(
                DatasetReader.Record(
                    line: line, text: try value(keys.text),
                    pair: try keys.textPair.map { key throws(FileError) in try value(key) },
                    label: try keys.label.map { key throws(FileError) in
                        if let items = object[key]?.items { return .list(items) }
                        return .text(try value(key))
                    }))
            try unused?.add { i throws(FileError) in object[names[i]]?.text }
            return rest > 0
        }
        columns?.unusedTexts = unused?.found ?? []
        return columns
    }

    private static func isBlank(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        bytes.allSatisfy { $0 == 32 || $0 == 9 || $0 == 13 }
    }

    private static func object(
        _ file: TextFile, _ line: Int, _ range: Range<Int>
    ) throws(FileError) -> [String: JSONField] {
        // Says more of bad UTF-8 than the scanner.
        _ = try file.text(range)
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
        var object: [String: JSONField] = [:]
        do throws(JSONError) {
            var scanner = JSONScanner(bytes)
            try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
                let field = try JSONField(reading: &scanner)
                guard object.updateValue(field, forKey: key) == nil else {
                    throw scanner.failure("the key \(quoted(key)) comes twice")
                }
            }
            try scanner.expectEnd()
            return object
        } catch {
            throw FileError(file.path, line: line, reason(error, bytes, line: line))
        }
    }

    /// What is wrong with a line that is no JSON object, and what to do.
    private static func reason(_ error: JSONError, _ bytes: UnsafeRawBufferPointer, line: Int) -> String {
        if bytes.first(where: { $0 != 32 && $0 != 9 }) == UInt8(ascii: "[") {
            return "a JSON array; JSON Lines has one object on each line, convert it, as with jq -c '.[]'"
        }
        if line == 1, bytes.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 123 }) {
            return
                "the object goes on on the next line; JSON Lines has one on each line, convert it, as with jq -c ."
        }
        if let problem = JSONDiagnosis.problem(in: bytes) {
            return "not a JSON object, at column \(problem.column): \(problem.reason)"
        }
        return "not a JSON object (\(error.reason)); JSON Lines has one on each line, as "
            + "{\"text\": \"…\", \"label\": \"…\"}"
    }
}

/// A value of a JSON line.
private struct JSONField {
    /// It as a text; nil for null, arrays and objects.
    let text: String?
    /// The texts of an array of texts, numbers and truth values without NUL; nil for everything else.
    let items: [String]?
    /// What it is if it is no text.
    let kind: String

    init(reading scanner: inout JSONScanner) throws(JSONError) {
        switch scanner.peek() {
        case UInt8(ascii: "\""): self.init(text: try scanner.string())
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            self.init(text: "true")
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            self.init(text: "false")
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            self.init(kind: "null")
        case UInt8(ascii: "{"):
            _ = try JSONValue(reading: &scanner)
            self.init(kind: "an array or an object")
        case UInt8(ascii: "["):
            var items: [String]? = []
            try scanner.array { (scanner: inout JSONScanner) throws(JSONError) in
                // Nested arrays are left to the reader that bounds their depth.
                guard scanner.peek() != UInt8(ascii: "["), scanner.peek() != UInt8(ascii: "{") else {
                    _ = try JSONValue(reading: &scanner)
                    items = nil
                    return
                }
                let item = try JSONField(reading: &scanner)
                if let text = item.text, !text.utf8.contains(0) { items?.append(text) } else { items = nil }
            }
            self.init(kind: "an array or an object", items: items)
        default: self.init(text: try Self.number(&scanner))
        }
    }

    private init(text: String? = nil, kind: String = "a text", items: [String]? = nil) {
        self.text = text
        self.items = items
        self.kind = kind
    }

    /// A number as a text: 1, 1.0 and 1e0 are the same label.
    private static func number(_ scanner: inout JSONScanner) throws(JSONError) -> String {
        let text = try scanner.number()
        if let whole = Int(text) { return String(whole) }
        // As a Double it would be rounded, and different labels would become one.
        if let whole = UInt64(text) { return String(whole) }
        guard let number = Double(text), number.isFinite else { throw scanner.failure("a number is too large") }
        if let whole = Int(exactly: number) { return String(whole) }
        if let whole = UInt64(exactly: number) { return String(whole) }
        return "\(number)"
    }
}
