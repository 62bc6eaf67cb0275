/// Changes one member of a JSON object and leaves the rest of the text as it is, byte by byte.
///
/// Vocabularies have keys that Swift's strings count as equal ("é" in one code point and in two): a text that holds one
/// must not go through a dictionary.
public enum JSONSplice {
    /// The text of an object whose member `key` has the value `value`: in the place of what was there, or as the first.
    public static func setting(
        _ key: String, to value: String, in scanner: inout JSONScanner
    ) throws(JSONError) -> [UInt8] {
        var ranges: [Range<Int>] = []
        var isEmpty = true
        _ = scanner.peek()
        let start = scanner.position + 1
        try scanner.object { (scanner: inout JSONScanner, found: String) throws(JSONError) in
            isEmpty = false
            scanner.skipSpace()
            let begin = scanner.position
            try skipValue(&scanner)
            if found == key { ranges.append(begin..<scanner.position) }
        }
        try scanner.expectEnd()
        var result: [UInt8] = []
        var end = 0
        if ranges.isEmpty {
            result += scanner.text(0..<start)
            result += "\n  \"\(key)\": \(value)\(isEmpty ? "\n" : ",")".utf8
            end = start
        }
        for range in ranges {
            result += scanner.text(end..<range.lowerBound)
            result += value.utf8
            end = range.upperBound
        }
        return result + scanner.text(end..<scanner.count)
    }

    /// Steps over one value.
    public static func skipValue(_ scanner: inout JSONScanner) throws(JSONError) { try skipValue(&scanner, depth: 0) }

    private static func skipValue(_ scanner: inout JSONScanner, depth: Int) throws(JSONError) {
        guard depth < JSONValue.maximumDepth else {
            throw scanner.failure("nested more than \(JSONValue.maximumDepth) deep")
        }
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            try scanner.object { (scanner: inout JSONScanner, _: String) throws(JSONError) in
                try skipValue(&scanner, depth: depth + 1)
            }
        case UInt8(ascii: "["):
            try scanner.array { (scanner: inout JSONScanner) throws(JSONError) in
                try skipValue(&scanner, depth: depth + 1)
            }
        case UInt8(ascii: "\""): _ = try scanner.string()
        case UInt8(ascii: "t"): try scanner.literal("true")
        case UInt8(ascii: "f"): try scanner.literal("false")
        case UInt8(ascii: "n"): try scanner.literal("null")
        default: _ = try scanner.number()
        }
    }
}
