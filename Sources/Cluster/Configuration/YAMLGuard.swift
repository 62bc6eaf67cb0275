import Support

/// Looks at the text of a configuration file before the YAML parser does: what its author needs are lines of
/// `key: value`, and some of what YAML has besides takes a parser forever (aliases of aliases) or overflows its stack
/// (lists in lists in lists).
enum YAMLGuard {
    /// Values are paths at most.
    private static let maxLineBytes = 8192
    private static let maxIndentation = 64
    /// `&` and `*` in quotes: too few to multiply, should they be anchors and aliases after all.
    private static let maxQuoted = 8

    /// Throws for the first line that a file of options cannot have.
    static func check(_ text: String, path: String) throws(ConfigurationError) {
        var quoted = 0
        for (index, line) in text.utf8.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            func refuse(_ reason: String) -> ConfigurationError { .file(path: path, line: index + 1, reason: reason) }
            guard line.count <= maxLineBytes else {
                throw refuse("a line of \(line.count) bytes: not a configuration file")
            }
            let bytes = Array(line)
            guard let first = bytes.firstIndex(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { continue }
            if bytes[first] == UInt8(ascii: "#") { continue }
            guard first <= maxIndentation else { throw refuse("indented by \(first) characters: options do not nest") }
            guard !isNested(bytes, from: first) else { throw refuse("lists in lists: options do not nest") }
            let references = references(bytes)
            guard references > 0 else { continue }
            guard isOneQuotedValue(bytes) else {
                throw refuse("anchors (&) and aliases (*) cannot be used here; put a value that begins so in quotes")
            }
            quoted += references
            guard quoted <= maxQuoted else { throw refuse("more than \(maxQuoted) words that begin with & or *") }
        }
    }

    /// Whether a line opens many levels at once: `- - -`, `[[[`.
    private static func isNested(_ bytes: [UInt8], from first: Int) -> Bool {
        var levels = 0
        for (i, byte) in bytes[first...].enumerated() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): levels += 1
            case UInt8(ascii: "-"), UInt8(ascii: "?"):
                let next = first + i + 1
                if next >= bytes.count || bytes[next] == 0x20 || bytes[next] == 0x09 { levels += 1 }
            default: break
            }
        }
        return levels > 8
    }

    /// How many places there are where an anchor or an alias may begin: libyaml wants a letter, a digit, `_` or `-`
    /// behind.
    private static func references(_ bytes: [UInt8]) -> Int {
        bytes.indices.count { i in
            guard bytes[i] == UInt8(ascii: "&") || bytes[i] == UInt8(ascii: "*"), i + 1 < bytes.count else {
                return false
            }
            let next = bytes[i + 1]
            let isName =
                next >= 0x80 || (0x30...0x39).contains(next) || (0x41...0x5A).contains(next & ~0x20)
                || next == UInt8(ascii: "_") || next == UInt8(ascii: "-")
            guard isName else { return false }
            return i == 0 || " \t[]{},:?-\"'".utf8.contains(bytes[i - 1])
        }
    }

    /// Whether the line is `key: "value"` and nothing else.
    private static func isOneQuotedValue(_ bytes: [UInt8]) -> Bool {
        let line = String(decoding: bytes, as: UTF8.self)
        return line.wholeMatch(of: /\s*\w+\s*:\s+("([^"\\]|\\.)*"|'([^']|'')*')\s*/) != nil
    }
}
