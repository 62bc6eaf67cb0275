/// The switches of BERT's text normalizer, by their names in `tokenizer.json`.
struct NormalizerOptions: Sendable, Hashable {
    /// Removes control characters and makes every white space a space.
    var cleanText = true
    /// Makes each Chinese character a word.
    var handleChineseCharacters = true
    /// Removes accents; nil means "if `lowercase`".
    var stripAccents: Bool?
    var lowercase = true

    /// Leaves texts as they are.
    static let none = NormalizerOptions(
        cleanText: false, handleChineseCharacters: false, stripAccents: false, lowercase: false)

    var stripsAccents: Bool { stripAccents ?? lowercase }
}

/// The switches that `tokenizer_config.json` sets; nil where it is silent.
struct NormalizerOverrides: Sendable {
    var lowercase: Bool?
    var handleChineseCharacters: Bool?
    /// The inner nil is a null that is written there: "if `lowercase`".
    var stripAccents: Bool??

    func applied(to options: NormalizerOptions) -> NormalizerOptions {
        var options = options
        options.lowercase = lowercase ?? options.lowercase
        options.handleChineseCharacters = handleChineseCharacters ?? options.handleChineseCharacters
        if let stripAccents { options.stripAccents = stripAccents }
        return options
    }
}
