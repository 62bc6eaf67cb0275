/// Everything that defines a tokenizer, whichever files it came from.
struct TokenizerDescription: Sendable {
    var vocabulary: WordPieceVocabulary
    var options: NormalizerOptions
    var addedTokens: [AddedTokens.Token]
    var template: EncodingTemplate
    /// Nil where the general tokenizer class has no such token.
    var clsID: Int32?
    var sepID: Int32?
    var unknownID: Int32
    var padID: Int32?
    var maskID: Int32?
    /// Whether texts that are too long lose their beginning, and not their end.
    var truncatesLeft = false
}
