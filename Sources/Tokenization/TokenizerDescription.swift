/// Everything that defines a tokenizer, whichever files it came from.
struct TokenizerDescription: Sendable {
    var vocabulary: WordPieceVocabulary
    var options: NormalizerOptions
    var addedTokens: [AddedTokens.Token]
    var template: EncodingTemplate
    var clsID: Int32
    var sepID: Int32
    var unknownID: Int32
    var padID: Int32?
    var maskID: Int32?
}

/// What the special tokens are called.
struct SpecialTokenNames: Sendable {
    var unknown = "[UNK]"
    var cls = "[CLS]"
    var sep = "[SEP]"
    var pad = "[PAD]"
    var mask = "[MASK]"

    var all: [String] { [unknown, sep, pad, cls, mask] }
}
