import Support

extension TaggedReader {
    /// Lines that are looked at.
    private static let mostLines = 1000

    /// Whether it is plain that the words of a file have tags: by its name; or as columns with a tag in the last one;
    /// or as JSON Lines with spans, or with words and tags. False for a file that cannot be read.
    public static func isTagged(_ path: String) -> Bool {
        let end = pathExtension(path)
        if columnExtensions.contains(end) { return true }
        if isJSON(path) { return firstObject(path).map(hasSpans) ?? false }
        guard otherExtensions.contains(end), let file = try? TextFile(path) else { return false }
        return hasTagColumn(file)
    }

    /// The first object of JSON Lines; nil where there is none.
    static func firstObject(_ path: String) -> JSONObject? {
        guard let file = try? TextFile(path) else { return nil }
        var found: JSONObject?
        try? file.forEachLine(limit: 8 << 20) { _, range throws(FileError) in
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
            guard !bytes.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) else { return true }
            if let value = try? JSONValue(parsing: bytes), case .object(let object) = value { found = object }
            return false
        }
        return found
    }

    private static func hasSpans(_ object: JSONObject) -> Bool {
        guard object["text"] != nil || object["sentence"] != nil else {
            return SpanLinesReader.tokenKeys.contains { object[$0]?.array != nil }
                && SpanLinesReader.tagKeys.contains { object[$0]?.array != nil }
        }
        return SpanLinesReader.spanKeys.contains { key in
            guard let items = object[key]?.array else { return false }
            // An empty array under a usual name of labels says nothing.
            guard let first = items.first else { return key == "spans" || key == "entities" }
            return first.object != nil || first.array != nil
        }
    }

    private static func hasTagColumn(_ file: TextFile) -> Bool {
        var (isIt, hasTag, count, rest): (Bool, Bool, Int?, Int) = (true, false, nil, mostLines)
        try? file.forEachLine(limit: 1 << 20) { _, range throws(FileError) in
            let text = try file.text(range)
            guard !text.utf8.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }), !text.hasPrefix("-DOCSTART-") else {
                return true
            }
            let fields = ColumnsReader.fields(text, hasTabs: text.utf8.contains(9))
            if text.hasPrefix("# "), fields.count != count { return true }
            guard fields.count >= 2, fields.count == count ?? fields.count, let tag = fields.last,
                ColumnsReader.isTag(tag)
            else {
                isIt = false
                return false
            }
            count = fields.count
            hasTag = hasTag || tag != "O"
            rest -= 1
            return rest > 0
        }
        return isIt && hasTag
    }
}
