/// Which columns (or, in JSON Lines, keys) to read; nil to guess by the usual names.
public struct ColumnNames: Sendable, Equatable {
    /// The text.
    public var text: String?
    /// The second text of a pair.
    public var textPair: String?
    /// The label.
    public var label: String?

    /// These names.
    public init(text: String? = nil, textPair: String? = nil, label: String? = nil) {
        self.text = text
        self.textPair = textPair
        self.label = label
    }

    private static let usualTexts = [
        "text", "sentence", "sentence1", "text1", "premise", "question", "content", "document", "review", "body",
        "tweet",
        "comment", "message",
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

    /// Finds the columns among `available`. A pair is guessed only where the text is, too: who names the text alone wants
    /// that alone.
    func resolve(
        _ available: [String], needsLabel: Bool, path: String, line: Int = 1
    ) throws(CorpusError) -> Resolved {
        let list = available.map { quoted($0) }.joined(separator: ", ")
        func find(_ wanted: String?, _ usual: [String]) throws(CorpusError) -> String? {
            if let wanted {
                guard available.contains(wanted) else {
                    throw CorpusError(path, line: line, "there is no column \(quoted(wanted)); there are \(list)")
                }
                return wanted
            }
            for name in usual { if let found = available.first(where: { $0.lowercased() == name }) { return found } }
            return nil
        }
        guard let text = try find(self.text, Self.usualTexts) else {
            throw CorpusError(path, line: line, "which column holds the text? Give --text-column, one of \(list)")
        }
        let pair = try find(textPair, self.text == nil ? Self.usualPairs : [])
        let label = try find(self.label, Self.usualLabels)
        if needsLabel && label == nil {
            throw CorpusError(path, line: line, "which column holds the label? Give --label-column, one of \(list)")
        }
        return Resolved(text: text, textPair: pair, label: label)
    }
}
