/// The switches of BERT's text normalizer, by their names in `tokenizer.json`.
struct NormalizerOptions: Sendable, Hashable {
    /// Removes control characters and makes every white space a space.
    var cleanText = true
    /// Makes each Chinese character a word.
    var handleChineseCharacters = true
    /// Removes accents; nil means "if `lowercase`".
    var stripAccents: Bool?
    var lowercase = true

    var stripsAccents: Bool { stripAccents ?? lowercase }
}
