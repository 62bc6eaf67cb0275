import Support
import Tagging

/// Reads columns with one word per line and a blank line behind each sentence: those of CoNLL, with the word in the
/// first and the tag in the last column; and CoNLL-U (Plus), whose rows have numbers, and whose predicates have a
/// column of arguments each, as in Universal PropBanks 1.0.
struct ColumnsReader {
    private(set) var sentences: [TaggedSentence] = []
    private(set) var notices: [String] = []
    private let path: String
    private let options: TaggedReader.Options
    private var layout: Layout?
    /// The names of `# global.columns`.
    private var names: [String]?
    private var rows: [Row] = []

    private struct Row {
        var fields: [String]
        var line: Int
    }

    /// Where things stand in a row, by position.
    private struct Layout {
        var columns: Int
        /// Whether `columns` is the least number: sentences have a column for each of their predicates.
        var isOpen = false
        /// Whether fields are separated by a tab each, and not by blanks.
        var hasTabs: Bool
        /// That of the numbers; nil for plain columns.
        var number: Int?
        var word: Int
        /// Nil where semantic roles are read, or no tags.
        var tag: Int?
        /// That of the senses of predicates, which the columns of their arguments follow.
        var sense: Int?
        /// That of `SpaceAfter=No`.
        var notes: Int?

        /// Whether a row is a word.
        func isWord(_ fields: [String]) -> Bool {
            guard let number, number < fields.count else { return true }
            return isNumber(fields[number])
        }
    }

    private static let universal = [
        "ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC",
    ]
    /// What an argument column has on the predicate itself.
    private static let predicateMarks: Set<String> = ["V"]
    private static let nothing: Set<String> = ["_", ""]

    init(_ path: String, options: TaggedReader.Options) {
        self.path = path
        self.options = options
    }

    /// What was read as what.
    var columns: DatasetColumns {
        guard let layout else { return DatasetColumns(text: "1") }
        func name(_ column: Int) -> String {
            let names = names ?? (layout.number == nil ? [] : Self.universal)
            return column < names.count ? names[column] : String(column + 1)
        }
        let isRoles = layout.sense != nil && layout.tag == nil
        return DatasetColumns(
            text: name(layout.word), textPair: isRoles ? "predicates of column \(name(layout.sense ?? 0))" : nil,
            label: layout.tag.map(name) ?? (isRoles && options.readsTags ? "arguments" : nil))
    }

    mutating func read(_ file: TextFile) throws(FileError) {
        try file.forEachLine(limit: options.lineLimit) { line, range throws(FileError) in
            try add(try file.text(range), line: line)
            return true
        }
        try endSentence()
    }

    private mutating func add(_ text: String, line: Int) throws(FileError) {
        // Blank lines may hold tabs.
        guard !text.utf8.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) else { return try endSentence() }
        if text.utf8.first == UInt8(ascii: "#"), isComment(text) {
            let mark = "# global.columns ="
            if text.hasPrefix(mark), layout == nil {
                names = text.dropFirst(mark.count).split(whereSeparator: \.isWhitespace).map(String.init)
            }
            return
        }
        if text.hasPrefix("-DOCSTART-") { return try endSentence() }
        let hasTabs = layout?.hasTabs ?? text.utf8.contains(9)
        let fields = Self.fields(text, hasTabs: hasTabs)
        let layout: Layout
        if let known = self.layout {
            layout = known
        } else if hasTabs, fields.count >= Self.universal.count, !Self.isNumber(fields[0]) {
            // A range of words may lack the columns behind those of CoNLL-U: the first word says what there is.
            rows.append(Row(fields: fields, line: line))
            return
        } else {
            layout = try makeLayout(fields, hasTabs: hasTabs, line: line)
            self.layout = layout
        }
        guard layout.isWord(fields) else {
            // It may be a predicate, and then has a column of arguments.
            rows.append(Row(fields: fields, line: line))
            return
        }
        guard layout.isOpen ? fields.count >= layout.columns : fields.count == layout.columns else {
            throw FileError(
                path, line: line,
                "\(plural(fields.count, "column")), but \(layout.isOpen ? "there must be" : "the first word has") "
                    + "\(layout.columns): is a blank or tab missing, or one too many?")
        }
        rows.append(Row(fields: fields, line: line))
    }

    /// Whether it is the number of a word, or no number at all: neither a range of words (`3-4`) nor a word that is not
    /// there (`24.1`).
    private static func isNumber(_ field: String) -> Bool {
        let parts = field.split(omittingEmptySubsequences: false) { $0 == "-" || $0 == "." }
        return parts.count != 2 || parts.contains { Int($0) == nil }
    }

    /// Whether a line that begins with # says something about a sentence, and is no word of it.
    private func isComment(_ text: String) -> Bool {
        if layout?.number != nil { return true }
        let hasTabs = layout?.hasTabs ?? text.utf8.contains(9)
        let fields = Self.fields(text, hasTabs: hasTabs)
        guard let layout else { return !(fields.count >= 2 && Self.isTag(fields.last ?? "")) }
        // Within a sentence it is a word; before it, a word only if it has as many columns, and a tag.
        guard rows.isEmpty else { return false }
        guard fields.count == layout.columns else { return true }
        guard let tag = layout.tag else { return false }
        return text.hasPrefix("# ") && !Self.isTag(fields[tag])
    }

    /// Whether it is `O`, or has a prefix of some scheme.
    static func isTag(_ text: String) -> Bool { text == Tag.outside || TagSchemeDetector.hasPrefix(text) }

    static func fields(_ text: String, hasTabs: Bool) -> [String] {
        hasTabs
            ? text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            : text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    }

    private func makeLayout(_ fields: [String], hasTabs: Bool, line: Int) throws(FileError) -> Layout {
        let end = TaggedReader.pathExtension(path)
        let isUniversal =
            names != nil || end == "conllu" || end == "conllup"
            || (hasTabs && fields.count >= Self.universal.count && Int(fields[0].prefix { $0 != "-" }) == 1)
        guard isUniversal else {
            var layout = Layout(columns: fields.count, hasTabs: hasTabs, word: 0)
            layout.word = try position(options.columns.text, in: [], count: fields.count, line) ?? 0
            guard options.readsTags else { return layout }
            guard fields.count >= 2 else {
                throw FileError(
                    path, line: line,
                    "there is one column alone; each line has a word and its tag, with a tab or blank between")
            }
            layout.tag = try position(options.columns.label, in: [], count: fields.count, line) ?? fields.count - 1
            guard layout.tag != layout.word else {
                throw FileError(
                    path, line: line, "word and tag are in one column; give --text-column and --label-column")
            }
            return layout
        }
        let known = names ?? Self.universal
        if let strange = known.first(where: { ["UP:ARGHEADS", "UP:ARGSPANS"].contains($0) }),
            options.columns.label == nil
        {
            throw FileError(
                path, line: line,
                "the column \(strange) is of Universal PropBanks 2.0, which are not read: give version 1.0, which has a column "
                    + "of arguments for each predicate, or name a column of tags with --label-column")
        }
        let word =
            try position(options.columns.text, in: known, count: fields.count, line) ?? known.firstIndex(of: "FORM")
        guard let word else {
            throw FileError(path, line: line, "there is no column FORM; name that of the words with --text-column")
        }
        var layout = Layout(
            columns: fields.count, hasTabs: hasTabs, number: known.firstIndex(of: "ID"), word: word,
            notes: known.firstIndex(of: "MISC"))
        if let tag = try position(options.columns.label, in: known, count: fields.count, line) {
            layout.tag = tag
            if names == nil, fields.count > Self.universal.count {
                (layout.columns, layout.isOpen) = (max(Self.universal.count, tag + 1), true)
            }
        } else if names == nil, fields.count > Self.universal.count {
            layout.sense = Self.universal.count
            (layout.columns, layout.isOpen) = (Self.universal.count + 1, true)
        } else if options.readsTags {
            throw FileError(
                path, line: line, "which column holds the tags? Give --label-column, one of \(listed(known))")
        }
        return layout
    }

    /// The position of a column that is named, or counted from 1; nil where it is not given.
    private func position(
        _ given: String?, in names: [String], count: Int, _ line: Int
    ) throws(FileError) -> Int? {
        guard let given else { return nil }
        if let index = names.firstIndex(of: given), index < count { return index }
        if let number = Int(given), (1...count).contains(number) { return number - 1 }
        throw FileError(
            path, line: line,
            "there is no column \(quoted(given)); give a number from 1 to \(count)"
                + (names.isEmpty ? "" : ", or one of \(listed(names))"))
    }

    // MARK: sentences

    private mutating func endSentence() throws(FileError) {
        guard !rows.isEmpty, let layout else { return }
        defer { rows.removeAll(keepingCapacity: true) }
        if let number = layout.number { try checkNumbers(column: number) }
        guard layout.tag == nil, let sense = layout.sense else {
            let kept = try words(layout)
            guard !kept.isEmpty else { return }
            let tags = try layout.tag.map { column throws(FileError) in try self.tags(kept, column) }
            sentences.append(sentence(kept, layout, content: tags.map { .tags($0) } ?? .none))
            return
        }
        try addRoles(layout, sense: sense)
    }

    /// Makes sure that the words of CoNLL-U are numbered from 1, with ranges of words (`3-4`) before the first of them,
    /// and words that are not there (`5.1`) behind the one before: a number that is not so is a row too many, or one
    /// that is missing.
    private func checkNumbers(column: Int) throws(FileError) {
        var (last, lastEmpty) = (0, 0)
        for row in rows where column < row.fields.count {
            let field = row.fields[column]
            let isFit: Bool
            if let number = Int(field) {
                isFit = number >= 1 && number - 1 == last
                (last, lastEmpty) = (number, 0)
            } else if let (begin, end) = Self.pair(field, "-") {
                isFit = begin >= 1 && begin - 1 == last && end >= begin
            } else if let (word, place) = Self.pair(field, ".") {
                isFit = word == last && place >= 1 && place - 1 == lastEmpty
                lastEmpty = place
            } else {
                throw FileError(
                    path, line: row.line,
                    "the number of the word is \(quoted(field)); CoNLL-U counts words from 1, with ranges such as 3-4 and "
                        + "words that are not there such as 5.1")
            }
            guard isFit else {
                throw FileError(
                    path, line: row.line,
                    "the number of the word is \(quoted(field)), out of order; a sentence counts its words from 1, and a "
                        + "blank line is behind its last one")
            }
        }
    }

    /// Two numbers with a character between them.
    private static func pair(_ field: String, _ separator: Character) -> (Int, Int)? {
        let parts = field.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == 2, let first = Int(parts[0]), let second = Int(parts[1]) else { return nil }
        return (first, second)
    }

    /// The rows of words.
    private func words(_ layout: Layout) throws(FileError) -> [Row] {
        let kept = rows.filter { layout.isWord($0.fields) }
        if let empty = kept.first(where: { isBlank($0.fields[layout.word]) }) {
            throw FileError(path, line: empty.line, "the word is empty; fill it in, or remove the line")
        }
        return kept
    }

    private func tags(_ rows: [Row], _ column: Int) throws(FileError) -> [String] {
        var tags: [String] = []
        for row in rows {
            guard !isBlank(row.fields[column]) else {
                throw FileError(path, line: row.line, "the tag is empty; give O for a word that is in no span")
            }
            tags.append(row.fields[column])
        }
        return tags
    }

    private func sentence(_ rows: [Row], _ layout: Layout, content: TaggedSentence.Content) -> TaggedSentence {
        let notes = layout.notes
        let (text, ranges) = TextWords.joining(rows.map { $0.fields[layout.word] }) { index in
            notes.map { $0 < rows[index].fields.count && rows[index].fields[$0].contains("SpaceAfter=No") } ?? false
        }
        return TaggedSentence(
            text: text, words: TextWords(ranges), content: content, line: rows[0].line, lines: rows.map(\.line))
    }

    /// One example for each predicate.
    private mutating func addRoles(_ layout: Layout, sense: Int) throws(FileError) {
        let kept = try words(layout)
        let isPredicate = rows.map { $0.fields.count > sense && !Self.nothing.contains($0.fields[sense]) }
        let count = isPredicate.count { $0 }
        if let odd = kept.first(where: { row in
            let arguments = row.fields.dropFirst(sense + 1)
            return arguments.count < count || arguments.dropFirst(count).contains { !Self.nothing.contains($0) }
        }) {
            throw FileError(
                path, line: odd.line,
                "\(plural(odd.fields.count - sense - 1, "column")) of arguments for the "
                    + "\(plural(count, "predicate")) of the sentence; there must be one for each")
        }
        guard !kept.isEmpty else { return }
        let empty = sentence(kept, layout, content: .none)
        var number = 0
        for (row, isPredicate) in zip(rows, isPredicate) where isPredicate {
            let column = sense + 1 + number
            number += 1
            // A predicate that is not in the text has no word.
            guard let word = kept.firstIndex(where: { $0.line == row.line }) else { continue }
            var one = empty
            one.words.predicate = word
            one.pair = row.fields[layout.word]
            if options.readsTags {
                one.content = .spans(
                    kept.enumerated().compactMap { place, row in
                        let role = row.fields[column]
                        guard !Self.nothing.contains(role), !Self.predicateMarks.contains(role) else { return nil }
                        return TagSpan(type: role, words: place..<(place + 1))
                    })
            }
            sentences.append(one)
        }
    }
}
