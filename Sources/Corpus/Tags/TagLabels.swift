import Support
import Tagging

/// The tags of a file's sentences as numbers: by one scheme, with what breaks it refused or mended.
struct TagLabels {
    /// The tags, `O` first.
    private(set) var names: [String] = []
    /// The tag of each word of each sentence, among ``names``.
    private(set) var numbers: [[Int32]] = []
    /// How many of ``names``, at their end, the model does not have.
    private(set) var unknownCount = 0
    /// What people ought to know.
    private(set) var notices: [String] = []
    /// What probably is a mistake.
    private(set) var warnings: [String] = []

    /// Tags that the model does not have, at most, as their numbers travel in two digits.
    static let mostUnknown = 98

    private let path: String
    private var repaired = (tags: 0, sentences: 0)

    /// Finds the scheme, and brings all tags into that of the model if there is one, else into BIO where the file has
    /// IOB1, else leaves it.
    ///
    /// - Throws: An error that names the line of a tag that breaks the scheme, or, where the model knows none of the
    ///   tags, of one that it does not know.
    init(_ sentences: [TaggedSentence], path: String, options: TaggedReader.Options) throws(FileError) {
        self.path = path
        let preferred = options.known.map { TagSchemeDetector.scheme(ofLabels: $0) }
        let found = try scheme(of: sentences, preferring: preferred)
        var target = preferred ?? found ?? .bio
        if target == .iob1 { target = .bio }
        // Tags without prefixes are not brought into a scheme, nor the reverse: they are unknown to the model.
        let isMixed = found.map { ($0 == .plain) != (target == .plain) } ?? false
        var tags: [[String]] = []
        var types: Set<String> = []
        var hasInner = false
        for sentence in sentences {
            var (spans, written): ([TagSpan], TagScheme) = ([], target)
            switch sentence.content {
            case .none: break
            case .spans(let all): spans = all
            case .tags(let all):
                let scheme = found ?? target
                spans = try self.spans(all, of: sentence, scheme: scheme, options)
                if isMixed { written = scheme }
            }
            for span in spans {
                types.insert(span.type)
                hasInner = hasInner || span.words.count > 1
            }
            tags.append(written.tags(of: spans, count: sentence.words.ranges.count))
        }
        if let found, found != target, !isMixed {
            notices.append("\(path): the tags are \(found.rawValue), and read as \(target.rawValue)")
        }
        if repaired.tags > 0 {
            notices.append(
                "\(path): --repair-tags has changed \(plural(repaired.tags, "tag")) in "
                    + "\(plural(repaired.sentences, "sentence"))")
        }
        if let known = options.known {
            names = known
        } else {
            let sorted = types.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
            names = target.tags(types: sorted, withInner: hasInner)
            let hasOutside = target != .plain || tags.contains { $0.contains(Tag.outside) }
            if !hasOutside { names.removeFirst() }
        }
        try number(tags, sentences)
    }

    /// The scheme of the file; nil where it has spans alone.
    private func scheme(
        of sentences: [TaggedSentence], preferring preferred: TagScheme?
    ) throws(FileError) -> TagScheme? {
        var detector = TagSchemeDetector()
        var hasTags = false
        for sentence in sentences {
            guard case .tags(let tags) = sentence.content else { continue }
            hasTags = true
            for tag in tags { detector.addTag(tag) }
            detector.addSentence(tags.map { Tag($0) })
        }
        guard hasTags else { return nil }
        switch detector.finding(preferring: preferred) {
        case .scheme(let scheme): return scheme
        case .mixed: throw mixed(sentences)
        }
    }

    private func mixed(_ sentences: [TaggedSentence]) -> FileError {
        for sentence in sentences {
            guard case .tags(let tags) = sentence.content else { continue }
            for (word, tag) in tags.enumerated() where tag != Tag.outside && !TagSchemeDetector.hasPrefix(tag) {
                return FileError(
                    path, line: sentence.line(of: word),
                    "the tag \(quoted(tag)) has no prefix, others of the file have one (such as B-, I-); correct it, or "
                        + "name the column of the tags with --label-column")
            }
        }
        return FileError(path, "some tags have prefixes, others have none")
    }

    /// The spans of tags, which must be as the scheme wants them, or are mended.
    private mutating func spans(
        _ tags: [String], of sentence: TaggedSentence, scheme: TagScheme, _ options: TaggedReader.Options
    ) throws(FileError) -> [TagSpan] {
        let isBare = { (tag: String) in
            tag.hasSuffix("-") && tag.utf8.count == 2 && TagSchemeDetector.hasPrefix(tag)
        }
        if let word = tags.firstIndex(where: isBare) {
            throw FileError(
                path, line: sentence.line(of: word),
                "the tag \(quoted(tags[word])) has no type behind its hyphen; write such as B-PER, or B alone where spans "
                    + "have no types")
        }
        let spans = scheme.spans(tags)
        guard let problem = scheme.problem(tags.map { Tag($0) }) else { return spans }
        guard options.repairsTags else {
            throw FileError(
                path, line: sentence.line(of: problem.word),
                "the tag \(quoted(tags[problem.word])) breaks the scheme \(scheme.rawValue): "
                    + "\(problem.reason.printable(limit: 200)); correct it, or give --repair-tags")
        }
        let mended = scheme.tags(of: spans, count: tags.count)
        repaired.tags += zip(tags, mended).count { $0 != $1 }
        repaired.sentences += 1
        return spans
    }

    /// Numbers the tags. Those that the model does not have are numbered behind its own, unless the file has no tag of
    /// the model: then it is another kind of file.
    private mutating func number(_ tags: [[String]], _ sentences: [TaggedSentence]) throws(FileError) {
        let count = names.count
        var known = Dictionary(names.enumerated().map { ($1, Int32($0)) }) { first, _ in first }
        var first: (error: FileError, number: Int32)?
        var hasKnown = false
        for (index, sentence) in tags.enumerated() {
            var row: [Int32] = []
            row.reserveCapacity(sentence.count)
            for (word, tag) in sentence.enumerated() {
                let number = known[tag] ?? Int32(clamping: known.count)
                row.append(number)
                guard number >= count else {
                    hasKnown = hasKnown || tag != Tag.outside
                    continue
                }
                if first == nil {
                    first = (unknown(tag, sentences[index].line(of: word), among: Array(names.prefix(count))), number)
                }
                if known.updateValue(number, forKey: tag) == nil { names.append(tag) }
            }
            numbers.append(row)
        }
        guard let first else { return }
        unknownCount = names.count - count
        guard hasKnown, unknownCount <= Self.mostUnknown else { throw first.error }
        warnings.append(unknownLine(sentences, from: Int32(clamping: count)))
    }

    private func unknown(_ tag: String, _ line: Int, among known: [String]) -> FileError {
        FileError(
            path, line: line,
            "the tag \(quoted(tag)) is none that training saw (\(listed(known)))\(ClassNames.hint(tag, among: known)); "
                + "correct it, or remove the sentence")
    }

    /// A line with the tags that the model does not have, as the file has them, and how often.
    private func unknownLine(_ sentences: [TaggedSentence], from limit: Int32) -> String {
        var counts: [String: Int] = [:]
        for (sentence, row) in zip(sentences, numbers) {
            switch sentence.content {
            case .none: break
            case .tags(let tags):
                for (tag, number) in zip(tags, row) where number >= limit { counts[tag, default: 0] += 1 }
            case .spans(let spans):
                for span in spans where row[span.words].contains(where: { $0 >= limit }) {
                    counts[span.type, default: 0] += 1
                }
            }
        }
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { (name: $0.key, count: $0.value) }
        return "\(path): \(sorted.count == 1 ? "a tag" : "tags") that training did not see, so that "
            + "\(sorted.count == 1 ? "its" : "their") spans count as missed: \(ClassNames.counted(sorted))"
    }
}
