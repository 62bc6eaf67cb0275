import Tagging

/// A sentence as a file has it, before its tags are looked at.
struct TaggedSentence {
    /// What is said of its words.
    enum Content {
        /// Nothing is read.
        case none
        /// A tag of each.
        case tags([String])
        /// Spans in order, which share no word.
        case spans([TagSpan])
    }

    var text: String
    var words: TextWords
    /// The form of the word whose roles are asked for.
    var pair: String?
    var content: Content
    /// The line of the first word, from 1.
    var line: Int
    /// The line of each word; nil where all are on `line`.
    var lines: [Int]?

    /// The line of a word.
    func line(of word: Int) -> Int {
        guard let lines, lines.indices.contains(word) else { return line }
        return lines[word]
    }
}
