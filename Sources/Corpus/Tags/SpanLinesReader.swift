import Support
import Tagging

/// Reads JSON Lines in which words have tags: `{"text": …, "spans": [{"start": 0, "end": 5, "label": "PER"}]}`, or
/// `{"tokens": […], "tags": […]}`. Places are counted in Unicode code points, as Python counts them.
struct SpanLinesReader {
    private(set) var sentences: [TaggedSentence] = []
    private let path: String
    private let options: TaggedReader.Options
    private(set) var columns = DatasetColumns(text: "text", label: "spans")
    private var widened = 0
    /// The first label that looks like a tag, as long as all of them do.
    private var tagLike: (label: String, line: Int, number: Int)?
    private var hasPlainLabel = false
    private var hasColumns = false

    static let spanKeys = ["spans", "entities", "label", "labels"]
    static let tagKeys = ["tags", "ner_tags", "labels"]
    static let tokenKeys = ["tokens", "words"]
    private static let predicateKey = "predicate"

    init(_ path: String, options: TaggedReader.Options) {
        self.path = path
        self.options = options
    }

    var notices: [String] {
        guard widened > 0 else { return [] }
        return [
            "\(path): \(plural(widened, "span")) \(widened == 1 ? "begins or ends" : "begin or end") within a word, and "
                + "\(widened == 1 ? "counts" : "count") as all of it"
        ]
    }

    mutating func read(_ file: TextFile) throws(FileError) {
        try file.forEachLine(limit: options.lineLimit) { line, range throws(FileError) in
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
            guard !bytes.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) else { return true }
            // Says more of bad UTF-8 than the parser.
            _ = try file.text(range)
            let value: JSONValue
            do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch {
                throw FileError(
                    path, line: line, "not a JSON object (\(error.reason)); JSON Lines has one on each line")
            }
            guard case .object(let object) = value else {
                throw FileError(path, line: line, "not a JSON object; JSON Lines has one on each line")
            }
            try add(object, line: line)
            return true
        }
        // A type may be called "B-cell"; where all are so, they are tags.
        guard !hasPlainLabel, let tagLike else { return }
        throw FileError(
            path, line: tagLike.line,
            "span \(tagLike.number) has the label \(quoted(tagLike.label)), which is a tag, as all labels of the file are: a "
                + "span has its type alone, such as \"PER\", and covers all of its words")
    }

    /// Makes sure that one key alone holds what is asked for.
    private func checkOne(
        _ keys: [String], _ object: JSONObject, _ line: Int, _ what: String, _ isIt: (String, JSONValue) -> Bool
    ) throws(FileError) {
        let found = keys.filter { key in object[key].map { isIt(key, $0) } ?? false }
        guard found.count >= 2, options.columns.label == nil else { return }
        throw FileError(
            path, line: line,
            "there are \(what) under \(quoted(found[0])) and under \(quoted(found[1])); name one with --label-column")
    }

    private mutating func add(_ object: JSONObject, line: Int) throws(FileError) {
        func key(_ given: String?, _ usual: [String]) -> String? {
            if let given { return object[given] == nil ? nil : given }
            return usual.first { object[$0] != nil }
        }
        func named(_ key: String?) -> String? { key }
        if let tokens = key(nil, Self.tokenKeys), options.columns.text == nil {
            try addTokens(object, tokens, tags: key(options.columns.label, Self.tagKeys), line: line)
            return
        }
        let textKey = options.columns.text ?? "text"
        guard let text = object[textKey]?.string ?? object[options.columns.text == nil ? "sentence" : textKey]?.string
        else {
            throw FileError(
                path, line: line,
                "there is no text under the key \(quoted(textKey)); there are \(listed(object.members.map(\.key)))")
        }
        let words = TextWords(of: text)
        guard !words.ranges.isEmpty else {
            throw FileError(path, line: line, "the text is empty; fill it in, or remove the line")
        }
        var sentence = TaggedSentence(text: text, words: words, content: .none, line: line)
        let places = CodePoints(text)
        if let found = object[Self.predicateKey], !found.isNull {
            let range = try place(found, places, line, "the predicate")
            let word = covered(range, words.ranges)
            guard let first = word.first else {
                throw FileError(path, line: line, "the predicate holds no word")
            }
            sentence.words.predicate = first
            sentence.pair = places.text(words.ranges[first])
        }
        if options.readsTags {
            try checkOne(Self.spanKeys, object, line, "spans") { key, value in
                guard let items = value.array else { return false }
                guard let first = items.first else { return key == "spans" || key == "entities" }
                return first.object != nil || first.array != nil
            }
            guard let spanKey = key(options.columns.label, Self.spanKeys) else {
                throw FileError(
                    path, line: line,
                    "there is no key of spans (\(quoted(options.columns.label ?? "spans"))); give an empty array for none"
                )
            }
            sentence.content = .spans(try spans(object[spanKey], spanKey, places, words.ranges, line))
            setColumns(text: textKey, label: spanKey, hasPredicate: sentence.pair != nil)
        } else {
            setColumns(text: textKey, label: nil, hasPredicate: sentence.pair != nil)
        }
        try append(sentence)
    }

    private mutating func setColumns(text: String, label: String?, hasPredicate: Bool) {
        guard !hasColumns else { return }
        hasColumns = true
        columns = DatasetColumns(text: text, textPair: hasPredicate ? Self.predicateKey : nil, label: label)
    }

    private mutating func append(_ sentence: TaggedSentence) throws(FileError) {
        guard (sentence.pair != nil) == (columns.textPair != nil) else {
            throw FileError(
                path, line: sentence.line,
                sentence.pair == nil
                    ? "the key \"predicate\" is missing, which the lines before have"
                    : "there is a \"predicate\", which the lines before do not have")
        }
        sentences.append(sentence)
    }

    private mutating func addTokens(
        _ object: JSONObject, _ tokenKey: String, tags tagKey: String?, line: Int
    ) throws(FileError) {
        func texts(_ key: String) throws(FileError) -> [String] {
            guard let items = object[key]?.array else {
                throw FileError(path, line: line, "the value of \(quoted(key)) is not an array")
            }
            var texts: [String] = []
            for item in items {
                guard let text = item.string else {
                    throw FileError(
                        path, line: line,
                        "an element of \(quoted(key)) is \(item.summary); give texts"
                            + (key == tokenKey ? "" : ": tags by their names, such as B-PER, not numbers"))
                }
                guard !isBlank(text), !text.utf8.contains(0) else {
                    throw FileError(path, line: line, "an element of \(quoted(key)) is empty; fill it in, or remove it")
                }
                texts.append(text)
            }
            return texts
        }
        let words = try texts(tokenKey)
        guard !words.isEmpty else { throw FileError(path, line: line, "there are no words; remove the line") }
        let (text, ranges) = TextWords.joining(words)
        var sentence = TaggedSentence(text: text, words: TextWords(ranges), content: .none, line: line)
        if let found = object[Self.predicateKey], !found.isNull {
            guard let index = found.integer, words.indices.contains(index) else {
                throw FileError(
                    path, line: line,
                    "\"predicate\" is \(found.summary); give the number of a word, from 0 to \(words.count - 1)")
            }
            sentence.words.predicate = index
            sentence.pair = words[index]
        }
        if options.readsTags {
            try checkOne(Self.tagKeys, object, line, "tags") { _, value in value.array?.count == words.count }
            guard let tagKey else {
                throw FileError(
                    path, line: line,
                    "there is no key of tags; there are \(listed(object.members.map(\.key))) (--label-column)")
            }
            let tags = try texts(tagKey)
            guard tags.count == words.count else {
                throw FileError(path, line: line, "\(plural(tags.count, "tag")) for \(plural(words.count, "word"))")
            }
            sentence.content = .tags(tags)
        }
        setColumns(text: tokenKey, label: options.readsTags ? tagKey : nil, hasPredicate: sentence.pair != nil)
        try append(sentence)
    }

    // MARK: spans

    private func place(
        _ value: JSONValue, _ places: CodePoints, _ line: Int, _ what: String
    ) throws(FileError) -> Range<Int> {
        let (start, end) =
            value.array.map { ($0.first?.integer, $0.dropFirst().first?.integer) }
            ?? (value["start"]?.integer, value["end"]?.integer)
        guard let start, let end else {
            throw FileError(
                path, line: line,
                "\(what) has no whole numbers as \"start\" and \"end\"; write {\"start\": 0, \"end\": 5, \"label\": \"PER\"}"
            )
        }
        guard start < end else {
            throw FileError(
                path, line: line, "\(what), from \(start) to \(end), is empty; \"end\" is behind the last character")
        }
        guard let range = places.range(start, end) else {
            throw FileError(
                path, line: line,
                "\(what), from \(start) to \(end), lies outside of the text, which has "
                    + plural(places.count, "character"))
        }
        return range
    }

    private static let typeKeys = ["label", "type", "tag", "entity", "entity_group", "entity_type"]

    private mutating func spans(
        _ value: JSONValue?, _ key: String, _ places: CodePoints, _ words: [Range<Int>], _ line: Int
    ) throws(FileError) -> [TagSpan] {
        guard let items = value?.array else {
            throw FileError(path, line: line, "the value of \(quoted(key)) is not an array of spans")
        }
        var found: [(span: TagSpan, bytes: Range<Int>, number: Int)] = []
        for (number, item) in items.enumerated() {
            let what = "span \(number + 1)"
            let range = try place(item, places, line, what)
            let type =
                item.array.map { $0.dropFirst(2).first?.string }
                ?? Self.typeKeys.lazy.compactMap { item[$0]?.string }.first
            guard let type, !isBlank(type) else {
                throw FileError(path, line: line, "\(what) has no label; give one, such as \"PER\"")
            }
            guard type != Tag.outside else {
                throw FileError(
                    path, line: line, "\(what) has the label \"O\", which is for words in no span; remove the span")
            }
            if TagSchemeDetector.hasPrefix(type), type.utf8.count > 2 {
                if tagLike == nil { tagLike = (type, line, number + 1) }
            } else {
                hasPlainLabel = true
            }
            let inner = covered(range, words)
            guard let first = inner.first, let last = inner.last else {
                throw FileError(path, line: line, "\(what) holds no word")
            }
            if words[first].lowerBound < range.lowerBound || words[last].upperBound > range.upperBound { widened += 1 }
            found.append((TagSpan(type: type, words: first..<(last + 1)), range, number + 1))
        }
        found.sort { ($0.bytes.lowerBound, $0.number) < ($1.bytes.lowerBound, $1.number) }
        for (one, next) in zip(found, found.dropFirst()) {
            let (a, b) = (min(one.number, next.number), max(one.number, next.number))
            guard one.bytes.upperBound <= next.bytes.lowerBound else {
                throw FileError(
                    path, line: line, "the spans \(a) and \(b) overlap; a word has one tag, remove one of them")
            }
            guard one.span.words.upperBound <= next.span.words.lowerBound else {
                throw FileError(
                    path, line: line,
                    "the spans \(a) and \(b) share the word \(quoted(places.text(words[next.span.words.lowerBound]))); a word "
                        + "has one tag, remove one of them")
            }
        }
        return found.map(\.span)
    }

    /// The words that share a byte with a range.
    private func covered(_ range: Range<Int>, _ words: [Range<Int>]) -> Range<Int> {
        let first = words.firstIndex { $0.upperBound > range.lowerBound } ?? words.count
        let end = words[first...].firstIndex { $0.lowerBound >= range.upperBound } ?? words.count
        return first..<end
    }
}

/// Where the code points of a text stand among its bytes.
struct CodePoints {
    private let text: String
    /// The first byte of each, and the end.
    private let offsets: [Int]

    init(_ text: String) {
        self.text = text
        var (offsets, offset) = ([0], 0)
        for scalar in text.unicodeScalars {
            offset += UTF8.width(scalar)
            offsets.append(offset)
        }
        self.offsets = offsets
    }

    var count: Int { offsets.count - 1 }

    /// The bytes of these code points; nil for places that there are not.
    func range(_ start: Int, _ end: Int) -> Range<Int>? {
        guard start >= 0, start < end, end <= count else { return nil }
        return offsets[start]..<offsets[end]
    }

    func text(_ bytes: Range<Int>) -> String { String(decoding: Array(text.utf8)[bytes], as: UTF8.self) }
}
