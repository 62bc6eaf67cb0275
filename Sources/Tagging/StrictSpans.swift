/// Reads only those spans that are whole by a scheme, as `seqeval` does with `mode="strict"`.
extension TagScheme {
    /// The spans of a sentence whose tags are as a scheme wants them; other tags give none.
    ///
    /// - Parameter tags: Those of ``strictTag(_:)``.
    public func strictSpans(_ tags: [Tag]) -> [TagSpan] {
        let all = tags + [Tag(strict: Tag.outside)]
        var spans: [TagSpan] = []
        var (word, previous) = (0, Tag(strict: Tag.outside))
        while word < all.count {
            let tag = all[word]
            guard starts(tag, after: previous) else {
                word += 1
                previous = tag
                continue
            }
            var end = word + 1
            while end < all.count, goesOn(all[end], after: all[end - 1]) { end += 1 }
            // What does not go on has been met by then: the last tag is O.
            if end < all.count, ends(all[end], after: all[end - 1]) {
                spans.append(TagSpan(type: tag.type, words: word..<end))
            }
            word = end
            previous = all[word - 1]
        }
        return spans
    }

    private func starts(_ tag: Tag, after previous: Tag) -> Bool {
        let (now, before) = (place(tag.prefix), place(previous.prefix))
        guard self == .iob1 else { return now == .first || now == .only }
        let isSame = previous.type == tag.type
        return switch (before, now) {
        case (.outside, .inner), (.first, .inner): true
        case (.inner, .inner): !isSame
        case (.inner, .first), (.first, .first): isSame
        default: false
        }
    }

    private func goesOn(_ tag: Tag, after previous: Tag) -> Bool {
        let (now, before) = (place(tag.prefix), place(previous.prefix))
        guard previous.type == tag.type, before == .first || before == .inner else { return false }
        return now == .inner || now == .last
    }

    private func ends(_ tag: Tag, after previous: Tag) -> Bool {
        let (now, before) = (place(tag.prefix), place(previous.prefix))
        let isSame = previous.type == tag.type
        guard !marksEnds else { return before == .last || before == .only }
        return switch (before, now) {
        case (.inner, .outside), (.inner, .first), (.first, .outside): true
        case (.inner, .inner), (.first, .inner): !isSame
        case (.first, .first): self == .bio || isSame
        default: false
        }
    }
}
