import Support

/// Which columns (or, in JSON Lines, keys) to read; nil to guess by the usual names.
///
/// A name that is given must match exactly; the usual names are found in upper and lower case, and with or without
/// spaces, `_` and `-` in them.
public struct ColumnNames: Sendable, Equatable {
    /// The text.
    public var text: String?
    /// The second text of a pair. Guessed only where the text is, too: who names the text alone wants that alone.
    public var textPair: String?
    /// The label.
    public var label: String?

    /// These names.
    public init(text: String? = nil, textPair: String? = nil, label: String? = nil) {
        self.text = text
        self.textPair = textPair
        self.label = label
    }

    // The first that is there is taken.
    private static let usualTexts = [
        "text", "description", "sentence", "sentence1", "text1", "premise", "question", "content", "document", "review",
        "body",
        "tweet", "comment", "message", "utterance", "headline", "query", "post", "abstract", "sms", "title",
    ]
    /// Columns that are the second text wherever the first is found by one of `usualTexts`.
    private static let usualPairs = ["textpair", "sentence2", "text2", "hypothesis", "passage"]
    private static let usualLabels = [
        "label", "labels", "class", "category", "target", "sentiment", "topic", "intent", "rating", "y", "goldlabel",
        "isduplicate", "labelname", "classindex", "emotion", "polarity", "stance", "stars", "quality",
        "score", "similarity",
    ]
    /// Columns that are two texts where both are there: those of GLUE, SuperGLUE and of usual retrieval data.
    private static let usualCouples: [(first: String, second: String)] = [
        ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
        ("question", "passage"), ("query", "passage"), ("texta", "textb"), ("sentencea", "sentenceb"),
        ("text1", "text2"), ("sent1", "sent2"), ("s1", "s2"), ("q1", "q2"), ("1string", "2string"),
        ("question", "context"), ("query", "document"), ("query", "text"), ("query", "title"), ("question", "answer"),
        ("question", "paragraph"), ("query", "product"), ("query", "response"), ("context", "response"),
        ("prompt", "response"), ("claim", "evidence"), ("claim", "document"), ("sentence", "context"),
    ]

    /// Finds the columns among `available`; the label only where it is needed.
    func resolve(
        _ available: [String], needsLabel: Bool, path: String, line: Int = 1
    ) throws(FileError) -> DatasetColumns {
        func named(_ name: String?) throws(FileError) -> String? {
            guard let name else { return nil }
            switch available.count(where: { $0 == name }) {
            case 0:
                throw FileError(
                    path, line: line, "there is no column \(quoted(name)); there are \(listed(available))")
            case 1: return name
            default:
                throw FileError(
                    path, line: line, "the column \(quoted(name)) occurs twice; rename one, or is the header missing?")
            }
        }
        // What is named for one purpose is not guessed for another.
        let taken = [text, textPair, needsLabel ? label : nil].compactMap { $0 }
        let free = available.filter { !taken.contains($0) }
        func question(_ what: String, option: String) -> String {
            // The only column is that of the text.
            if what == "label", available.count == 1 {
                return "there is no column of labels: the only column is \(listed(available)); add one"
                    + separatorHint(available)
            }
            let hint = separatorHint(available)
            // Where the header is missing, the columns are called as the fields of the first example.
            let candidates = listed(free.isEmpty ? available : free)
            return "which column holds the \(what)? Give --\(option)-column, one of \(candidates)"
                + (hint.isEmpty && what == "text"
                    ? " (or is the header missing? The first line names the columns, as text and label)" : hint)
        }
        func missing(_ what: String, option: String) -> FileError {
            FileError(
                path, line: line,
                question(what, option: option))
        }
        let bare = free.map(Self.bare)
        func guess(_ usual: [String]) throws(FileError) -> String? {
            try named(usual.lazy.compactMap { bare.firstIndex(of: $0) }.first.map { free[$0] })
        }
        var labelName = needsLabel ? try named(label) : nil
        if needsLabel, labelName == nil { labelName = try guess(Self.usualLabels) }
        var (first, second) = (try named(text), try named(textPair))
        if first == nil, second == nil, let couple = Self.couple(bare, except: labelName.map(Self.bare)) {
            (first, second) = (try named(free[couple.first]), try named(free[couple.second]))
        }
        if first == nil {
            first = try guess(Self.usualTexts)
            if second == nil { second = try guess(Self.usualPairs) }
        }
        guard let first else { throw missing("text", option: "text") }
        if needsLabel, labelName == nil { throw missing("label", option: "label") }
        for (other, option) in [(second, "text-pair"), (labelName, "label")] where other == first {
            throw FileError(
                path, line: line,
                "the column \(quoted(first)) is named for two things; give --text-column and --\(option)-column "
                    + "different ones of \(listed(available))")
        }
        if let second, second == labelName {
            throw FileError(
                path, line: line,
                "the column \(quoted(second)) is named for two things; give --text-pair-column and --label-column "
                    + "different ones of \(listed(available))")
        }
        return DatasetColumns(text: first, textPair: second, label: labelName)
    }

    /// The positions of the first usual couple of which both columns are there and neither is the label. A column that
    /// is simply called text is the text.
    private static func couple(_ bare: [String], except label: String?) -> (first: Int, second: Int)? {
        for (first, second) in usualCouples where first != label && second != label {
            if bare.contains("text"), second != "text" { continue }
            if let i = bare.firstIndex(of: first), let j = bare.firstIndex(of: second) { return (i, j) }
        }
        return nil
    }

    /// A name without what names differ in by taste: case, spaces, `_`, `-` and other signs.
    private static func bare(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }
}

/// What names of columns suggest that hold another separator: " (…)", or nothing.
func separatorHint(_ available: [String]) -> String {
    // Where the separator is another one, all of the header is one name; a few commas in it may have cut it.
    guard let longest = available.max(by: { $0.utf8.count < $1.utf8.count }) else { return "" }
    if available.count == 1, longest.contains("\t") { return " (tabs between the fields? Then name the file .tsv)" }
    if longest.contains(";") { return " (semicolons between the fields? Save the file with commas)" }
    if longest.contains("|") { return " (bars between the fields? Save the file with commas)" }
    if available.count == 1, longest.contains(",") {
        return " (commas between the fields? Then name the file .csv)"
    }
    return ""
}
