/// Which columns (or, in JSON Lines, keys) to read; nil to guess by the usual names.
///
/// A name that is given must match exactly; the usual names are found in upper and lower case.
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
        "text", "sentence", "sentence1", "text1", "premise", "question", "content", "document", "review", "body",
        "tweet",
        "comment", "message", "utterance", "headline",
    ]
    private static let usualPairs = ["text_pair", "textpair", "sentence2", "text2", "hypothesis", "passage"]
    private static let usualLabels = [
        "label", "labels", "class", "category", "target", "sentiment", "topic", "intent", "rating", "y",
    ]

    /// The columns that are meant among those that there are.
    struct Resolved: Equatable {
        var text: String
        var textPair: String?
        var label: String?
    }

    /// Finds the columns among `available`; the label only where it is needed.
    func resolve(
        _ available: [String], needsLabel: Bool, path: String, line: Int = 1
    ) throws(CorpusError) -> Resolved {
        func find(_ wanted: String?, _ usual: [String]) throws(CorpusError) -> String? {
            guard let name = wanted ?? Self.first(of: usual, in: available) else { return nil }
            switch available.count(where: { $0 == name }) {
            case 0:
                throw CorpusError(
                    path, line: line, "there is no column \(quoted(name)); there are \(listed(available))")
            case 1: return name
            default:
                throw CorpusError(
                    path, line: line, "the column \(quoted(name)) occurs twice; rename one, or is the header missing?")
            }
        }
        func missing(_ what: String, option: String) -> CorpusError {
            CorpusError(
                path, line: line,
                "which column holds the \(what)? Give --\(option)-column, one of \(listed(available))"
                    + Self.hint(available))
        }
        guard let text = try find(self.text, Self.usualTexts) else { throw missing("text", option: "text") }
        let pair = try find(textPair, self.text == nil ? Self.usualPairs : [])
        guard needsLabel else { return Resolved(text: text, textPair: pair, label: nil) }
        guard let label = try find(self.label, Self.usualLabels) else { throw missing("label", option: "label") }
        return Resolved(text: text, textPair: pair, label: label)
    }

    private static func first(of usual: [String], in available: [String]) -> String? {
        let lowered = available.map { $0.lowercased() }
        for name in usual {
            if let position = lowered.firstIndex(of: name) { return available[position] }
        }
        return nil
    }

    /// What a single strange column name suggests.
    private static func hint(_ available: [String]) -> String {
        guard available.count == 1, let only = available.first else { return "" }
        if only.contains("\t") { return " (tabs between the fields? Then name the file .tsv)" }
        if only.contains(";") { return " (semicolons between the fields? Save the file with commas)" }
        if only.contains(",") { return " (commas between the fields? Then name the file .csv)" }
        return ""
    }
}
