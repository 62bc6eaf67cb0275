import Support

/// BERT's WordPiece tokenizer, with the ids of the `transformers` library's fast tokenizer.
///
/// Immutable after loading, so any number of threads may share one.
public final class BertTokenizer: Tokenizer {
    /// One more than the highest id: the rows that an embedding table needs.
    public let vocabularySize: Int
    /// The id of the token that starts every sequence, "[CLS]"; nil if a general tokenizer has none.
    public let clsID: Int32?
    /// The id of the token that ends every text, "[SEP]"; nil if a general tokenizer has none.
    public let sepID: Int32?
    /// The id of the padding token "[PAD]"; nil if the vocabulary has none.
    public let padID: Int32?
    /// The id of the token for words that the vocabulary cannot spell, "[UNK]".
    public var unknownID: Int32? { unknown }
    private let unknown: Int32
    /// The id of "[MASK]"; nil if the vocabulary has none.
    public let maskID: Int32?

    private let vocabulary: WordPieceVocabulary
    private let truncatesLeft: Bool
    private let template: EncodingTemplate
    private let characters: WordPieceAutomatonTables
    private let addedTokens: AddedTokens
    /// Only where tokens are sought in normalized text.
    private let normalizing: Normalizing?

    private struct Normalizing {
        var normalizer: Normalizer
        var tokens: AddedTokens
        /// For text that is normalized already.
        var characters: WordPieceAutomatonTables
    }

    /// Loads the tokenizer of a Hugging Face model folder.
    ///
    /// The ids are those of `AutoTokenizer` of `transformers` 5. `tokenizer.json` is read if it is there, otherwise
    /// `vocab.txt`. With BERT's own tokenizer class, which is the default, lower case, accents and Chinese characters
    /// go by `tokenizer_config.json` alone; with the general class by `tokenizer.json` alone. Added tokens come from
    /// `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`. The side on which
    /// texts are cut is that of the files, the length the caller's; padding settings have no meaning here.
    /// - Throws: an error that names the file, and the line where it can, if a file is missing, damaged, not a BERT
    ///   WordPiece tokenizer, lacks one of the tokens `[UNK]`, `[CLS]` and `[SEP]`, or has a setting that cannot be
    ///   used.
    public convenience init(modelDirectory: String) throws(FileError) {
        try self.init(TokenizerFiles.load(modelDirectory))
    }

    init(_ description: TokenizerDescription) {
        vocabulary = description.vocabulary
        truncatesLeft = description.truncatesLeft
        template = description.template
        vocabularySize = description.vocabulary.tokens.count
        clsID = description.clsID
        sepID = description.sepID
        padID = description.padID
        unknown = description.unknownID
        maskID = description.maskID
        characters = WordPieceAutomatonTables(description.options)

        var plain = AddedTokens()
        var sought = AddedTokens()
        lazy var normalizer = Normalizer(description.options)
        for var token in description.addedTokens {
            // Blanks around a token separate words in any case.
            token.stripsLeft = false
            token.stripsRight = false
            if token.normalized {
                var normalized = token
                normalized.content = token.content.withUnsafeBufferPointer { normalizer.normalize($0) }
                sought.add(normalized)
            } else {
                plain.add(token)
            }
        }
        addedTokens = plain
        if sought.isEmpty {
            normalizing = nil
        } else {
            normalizing = Normalizing(
                normalizer: normalizer, tokens: sought, characters: WordPieceAutomatonTables(.none))
        }
    }

    /// The text of a token, "##" included; nil for an id that the vocabulary does not have.
    public func token(_ id: Int32) -> String? {
        guard id >= 0, id < vocabulary.tokens.count else { return nil }
        return vocabulary.tokens[Int(id)]
    }

    /// Encodes UTF-8 without making strings of it; otherwise as `encode(_:pair:maxLength:)`. Bytes that are not UTF-8
    /// count as U+FFFD, which BERT's normalizer removes.
    public func encode(
        utf8 text: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>? = nil, maxLength: Int
    ) -> Encoding {
        template.encode(text, pair: pair, maxLength: maxLength, truncatesLeft: truncatesLeft) { text, limit in
            ids(of: text, limit: limit)
        }
    }

    /// The highest segment id that a text or, if `pairs`, a pair of texts gets.
    public func highestSegmentID(pairs: Bool) -> Int {
        Int(EncodingTemplate.highestType(pairs ? template.pair : template.single))
    }

    /// Whether a text without a word has tokens nevertheless, special ones.
    public var addsSpecialTokens: Bool {
        EncodingTemplate.specialCount(template.single) > 0 && EncodingTemplate.specialCount(template.pair) > 0
    }

    /// The ids of a text without special tokens; at least `limit` of them if there are so many, not always more.
    private func ids(of text: UnsafeBufferPointer<UInt8>, limit: Int) -> [Int32] {
        // A code point takes at most 4 bytes.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: vocabulary.mostCharacters * 4 + 4) { word in
            guard let word = word.baseAddress, limit > 0 else { return [] }
            return vocabulary.trie.withView { trie in
                guard let normalizing else {
                    return characters.withAutomaton(
                        trie: trie, vocabulary: vocabulary, unknownID: unknown, word: word, limit: limit
                    ) { scan(text, addedTokens, &$0) }
                }
                return normalizing.characters.withAutomaton(
                    trie: trie, vocabulary: vocabulary, unknownID: unknown, word: word, limit: limit
                ) { automaton in
                    addedTokens.split(text) { stretch in
                        normalizing.normalizer.normalize(stretch).withUnsafeBufferPointer {
                            scan($0, normalizing.tokens, &automaton)
                        }
                        return !automaton.isFull
                    } found: { id in
                        automaton.append(id: id)
                        return !automaton.isFull
                    }
                }
            }
        }
    }

    private func scan(_ text: UnsafeBufferPointer<UInt8>, _ tokens: AddedTokens, _ automaton: inout WordPieceAutomaton)
    {
        tokens.split(text) { stretch in
            if let base = stretch.baseAddress { automaton.scan(base, count: stretch.count) }
            return !automaton.isFull
        } found: { id in
            automaton.append(id: id)
            return !automaton.isFull
        }
    }
}
