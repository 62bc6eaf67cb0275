/// How tags mark the first, the inner and the last word of a span.
public enum TagScheme: String, Sendable, CaseIterable {
    /// B first, I then (Ramshaw and Marcus 1995; also called IOB2).
    case bio = "BIO"
    /// I alone; B first where a span follows one of the same type.
    case iob1 = "IOB1"
    /// B first, I inside, E last, S alone.
    case bioes = "BIOES"
    /// As ``bioes`` with L and U for E and S.
    case bilou = "BILOU"
    /// As ``bioes`` with M for I: usual for Chinese.
    case bmes = "BMES"
    /// Tags without prefixes, such as parts of speech: each word that has one is a span of its own.
    case plain = "tags without prefixes"

    /// What a prefix says of its word.
    enum Place: Sendable {
        case first, inner, last, only, outside
    }

    /// The prefixes; nil for a scheme without.
    private var letters: (first: String, inner: String, last: String, only: String)? {
        switch self {
        case .bio: ("B", "I", "I", "B")
        case .iob1: ("I", "I", "I", "I")
        case .bioes: ("B", "I", "E", "S")
        case .bilou: ("B", "I", "L", "U")
        case .bmes: ("B", "M", "E", "S")
        case .plain: nil
        }
    }

    /// Whether the last word of a span is marked.
    var marksEnds: Bool { self != .bio && self != .iob1 }

    /// What a prefix of this scheme says; nil for one of another scheme.
    func place(_ prefix: Unicode.Scalar) -> Place? {
        switch (prefix, self) {
        case ("O", _): .outside
        case (_, .plain) where prefix != "S": nil
        case ("B", _): .first
        case ("I", .bio), ("I", .iob1), ("I", .bioes), ("I", .bilou), ("M", .bmes): .inner
        case ("E", .bioes), ("E", .bmes), ("L", .bilou): .last
        case ("S", .bioes), ("S", .bmes), ("U", .bilou), ("S", .plain): .only
        default: nil
        }
    }

    /// A tag in the letters B, I, E, S and O, which ``SpanReader`` knows; one without prefix is a span of one word.
    public func tag(_ text: String) -> Tag {
        guard self != .plain else { return Tag(prefix: text == Tag.outside ? "O" : "S", type: text) }
        var tag = Tag(text)
        switch (tag.prefix, self) {
        case ("L", .bilou): tag.prefix = "E"
        case ("U", .bilou): tag.prefix = "S"
        case ("M", .bmes): tag.prefix = "I"
        default: break
        }
        return tag
    }

    /// A tag as ``strictSpans(_:)`` takes it.
    public func strictTag(_ text: String) -> Tag { self == .plain ? tag(text) : Tag(strict: text) }

    /// The tag of a prefix and a type; a type `_` is none.
    private static func text(_ prefix: String, _ type: String) -> String {
        type == Tag.noType ? prefix : "\(prefix)-\(type)"
    }

    /// The tags of the words of a sentence.
    ///
    /// - Parameters:
    ///   - spans: Its spans, in order; of those that share a word the later one wins it.
    ///   - count: Its words.
    public func tags(of spans: [TagSpan], count: Int) -> [String] {
        var tags = [String](repeating: Tag.outside, count: count)
        var previous: TagSpan?
        for span in spans {
            let words = span.words.clamped(to: 0..<count)
            guard let last = words.last else { continue }
            for word in words {
                guard let letters else {
                    tags[word] = span.type
                    continue
                }
                let isFirst = word == words.lowerBound
                let prefix =
                    isFirst && word == last
                    ? letters.only
                    : isFirst
                        ? letters.first
                        : word == last
                            ? letters.last
                            : letters.inner
                tags[word] = Self.text(prefix, span.type)
            }
            // A span that follows one of its type says so in IOB1.
            if self == .iob1, let previous, previous.type == span.type, previous.words.upperBound == words.lowerBound {
                tags[words.lowerBound] = Self.text("B", span.type)
            }
            previous = TagSpan(type: span.type, words: words)
        }
        return tags
    }

    /// The spans of the tags of a sentence, read as ``SpanReader`` does.
    public func spans(_ tags: [String]) -> [TagSpan] { SpanReader.spans(tags.map { tag($0) }) }

    /// All tags that spans of these types can have, `O` first.
    ///
    /// - Parameter withInner: Whether spans may have more than one word.
    public func tags(types: [String], withInner: Bool = true) -> [String] {
        guard let letters else { return [Tag.outside] + types }
        let prefixes: [String] =
            switch self {
            case .bio, .iob1: withInner ? ["B", "I"] : ["B"]
            default: [letters.first, letters.inner, letters.last, letters.only]
            }
        return [Tag.outside] + types.flatMap { type in prefixes.map { Self.text($0, type) } }
    }

    /// The first tag of a sentence that breaks the scheme; nil if none does.
    public func problem(_ tags: [Tag]) -> TagProblem? {
        guard self != .plain else { return nil }
        var open: Tag?
        var mustGoOn = false
        for (word, tag) in tags.enumerated() {
            let place = place(tag.prefix)
            let continues = open?.type == tag.type && (place == .inner || place == .last)
            if mustGoOn, !continues, let open {
                return TagProblem(
                    word: word - 1, reason: "a span \(typed(open)) is not ended: the last word has \(end)")
            }
            switch place {
            case nil: return TagProblem(word: word, reason: "\(rawValue) has no such prefix")
            case .outside: open = nil
            case .first:
                guard self != .iob1 || open?.type == tag.type else {
                    return TagProblem(word: word, reason: "in IOB1 B follows a span of the same type only")
                }
                open = tag
            case .inner, .last:
                guard self == .iob1 || continues else {
                    return TagProblem(word: word, reason: "no span \(typed(tag)) goes on here: the first word has B")
                }
                open = place == .last ? nil : tag
            case .only: open = nil
            }
            mustGoOn = marksEnds && open != nil
        }
        guard mustGoOn, let open else { return nil }
        return TagProblem(
            word: tags.count - 1, reason: "a span \(typed(open)) is not ended: the last word has \(end)")
    }

    private var end: String { self == .bilou ? "L, or U alone" : "E, or S alone" }

    private func typed(_ tag: Tag) -> String { tag.type == Tag.noType ? "without a type" : "of type \(tag.type)" }
}

/// A tag that breaks the scheme of a file.
public struct TagProblem: Sendable, Equatable {
    /// The word that has it, by position.
    public var word: Int
    /// Why, for people; it may hold the type, which is text from outside.
    public var reason: String
}
