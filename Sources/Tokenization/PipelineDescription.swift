/// Everything that defines a tokenizer of byte pairs or pieces, whichever files it came from.
struct PipelineDescription: Sendable {
    enum Model: Sendable {
        case bytePairs(BytePairModel)
        case unigram(UnigramModel)
    }

    var normalizer = TextNormalizer()
    var cutter = WordCutter()
    var model: Model
    /// By id, added ones included; nil where an id has no token.
    var tokens: [String?]
    var addedTokens: [AddedTokens.Token]
    var template: EncodingTemplate
    var clsID: Int32?
    var sepID: Int32?
    var padID: Int32?
    var maskID: Int32?
    var unknownID: Int32?
    /// Whether texts that are too long lose their beginning, and not their end.
    var truncatesLeft = false
}
