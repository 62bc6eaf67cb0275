/// Reads spans from tags that need not be as any scheme wants them, as the script `conlleval` of CoNLL-2000 does: what
/// `seqeval` calls its default mode. The letters are B, I, E, S and O.
public struct SpanReader {
    private var previous: (prefix: Unicode.Scalar, type: String) = ("O", "")
    private var begin = 0
    private var position = 0

    /// At the beginning of a text.
    public init() {}

    /// Takes the tag of the next word.
    ///
    /// - Returns: The span that has ended before this word, if one has.
    public mutating func next(_ tag: Tag) -> TagSpan? {
        let (before, beforeType) = previous
        var ended: TagSpan?
        if Self.ends(before, tag.prefix) || (before != "O" && before != "." && beforeType != tag.type) {
            ended = TagSpan(type: beforeType, words: begin..<position)
        }
        if Self.starts(before, tag.prefix) || (tag.prefix != "O" && tag.prefix != "." && beforeType != tag.type) {
            begin = position
        }
        previous = (tag.prefix, tag.type)
        position += 1
        return ended
    }

    /// The spans of one sentence.
    public static func spans(_ tags: [Tag]) -> [TagSpan] {
        var reader = SpanReader()
        return (tags + [Tag(Tag.outside)]).compactMap { reader.next($0) }
    }

    private static func ends(_ before: Unicode.Scalar, _ now: Unicode.Scalar) -> Bool {
        switch before {
        case "E", "S": true
        case "B", "I": now == "B" || now == "S" || now == "O"
        default: false
        }
    }

    private static func starts(_ before: Unicode.Scalar, _ now: Unicode.Scalar) -> Bool {
        switch now {
        case "B", "S": true
        case "E", "I": before == "E" || before == "S" || before == "O"
        default: false
        }
    }
}
