import Testing

@testable import Tokenization

@Suite("Tokenization")
struct TokenizationTests {
    private func tokens(
        _ text: String, _ vocabularyText: String, _ configuration: String = "{}"
    ) throws -> [String] {
        try withFolder(["vocab.txt": vocabularyText, "tokenizer_config.json": configuration]) {
            try BertTokenizer(modelDirectory: $0).tokens(text)
        }
    }

    @Test
    func `Words are cut greedily, by the longest piece`() throws {
        let words = vocabulary("un", "una", "##able", "##ff", "##ffa", "##ble", "able")
        #expect(try tokens("unaffable unable able", words) == ["una", "##ffa", "##ble", "una", "##ble", "able"])
    }

    @Test
    func `A word that cannot be spelled to its end is one [UNK]`() throws {
        #expect(try tokens("abx ab", vocabulary("ab", "##c")) == ["[UNK]", "ab"])
    }

    @Test(arguments: ["a", "é", "한", "😀"])
    func `Words of up to 100 characters are cut, longer ones are [UNK]`(character: String) throws {
        let words = vocabulary("a", "##a", "é", "##é", "한", "##한", "😀", "##😀")
        let cased = #"{"do_lower_case": false}"#
        let fits = try tokens(String(repeating: character, count: 100), words, cased)
        #expect(fits == [character] + Array(repeating: "##" + character, count: 99))
        #expect(try tokens(String(repeating: character, count: 101), words, cased) == ["[UNK]"])
        let next = try tokens(String(repeating: character, count: 50_000) + " a", words, cased)
        #expect(next == ["[UNK]", "a"])
    }

    @Test
    func `The limit counts characters after decomposition`() throws {
        let words = vocabulary("\u{1112}", "##\u{1112}", "##\u{1161}", "##\u{11AB}")
        #expect(try tokens(String(repeating: "한", count: 33), words).count == 99)
        #expect(try tokens(String(repeating: "한", count: 34), words) == ["[UNK]"])
    }

    @Test
    func `Lower case and accents follow the configuration`() throws {
        let words = vocabulary("resume", "résumé", "RÉSUMÉ", "RESUME")
        #expect(try tokens("RÉSUMÉ", words) == ["resume"])
        #expect(try tokens("RÉSUMÉ", words, #"{"do_lower_case": false}"#) == ["RÉSUMÉ"])
        #expect(try tokens("RÉSUMÉ", words, #"{"strip_accents": false}"#) == ["résumé"])
        #expect(try tokens("RÉSUMÉ", words, #"{"do_lower_case": false, "strip_accents": true}"#) == ["RESUME"])
    }

    @Test
    func `Pieces that differ only by Unicode normalization stay two pieces, from either file`() throws {
        let pieces = ["\u{E9}", "e\u{301}"]
        let configuration = #"{"do_lower_case": false}"#
        let fromText = try withFolder([
            "vocab.txt": vocabulary(pieces[0], pieces[1]), "tokenizer_config.json": configuration,
        ]) {
            try BertTokenizer(modelDirectory: $0)
        }
        #expect(fromText.encode("\u{E9} e\u{301}", maxLength: 9).inputIDs == [2, 5, 6, 3])
        let json = tokenizerJSON(
            vocab: #"{"[UNK]":1,"[CLS]":2,"[SEP]":3,"\u00e9":5,"e\u0301":6}"#,
            normalizer: #"{"type":"BertNormalizer","clean_text":true,"lowercase":false}"#)
        let fromJSON = try withFolder(["tokenizer.json": json, "tokenizer_config.json": configuration]) {
            try BertTokenizer(modelDirectory: $0)
        }
        #expect(fromJSON.encode("\u{E9} e\u{301}", maxLength: 9).inputIDs == [2, 5, 6, 3])
    }

    @Test
    func `Chinese characters are words of their own, unless the configuration says otherwise`() throws {
        let words = vocabulary("漢", "字", "##字", "##x", "𠀀")
        #expect(try tokens("漢字𠀀", words) == ["漢", "字", "𠀀"])
        #expect(try tokens("漢字", words, #"{"tokenize_chinese_chars": false}"#) == ["漢", "##字"])
    }

    @Test
    func `Controls vanish, white space of all kinds separates, punctuation stands alone`() throws {
        let words = vocabulary("ab", "a", "b", ".", "$", "«")
        #expect(try tokens("a\u{0}\u{200D}\u{AD}\u{FFFD}b", words) == ["ab"])
        #expect(try tokens("a\u{A0}b\u{3000}a\u{2028}b\u{85}", words) == ["a", "b", "a", "b"])
        #expect(try tokens("a.b$a«b", words) == ["a", ".", "b", "$", "a", "«", "b"])
    }

    @Test
    func `Special tokens in the text are themselves; nearly special ones are text`() throws {
        let words = vocabulary("a", "[", "]", "mask")
        #expect(try tokens("a[MASK]a [CLS]", words) == ["a", "[MASK]", "a", "[CLS]"])
        #expect(try tokens("[mask][MASK", words) == ["[", "mask", "]", "[", "mask"])
    }

    @Test
    func `Marks that survive are put into canonical order, across removed ones but not across starters`() throws {
        // U+302E (class 224) and U+1D165 (class 216) are not nonspacing, so they stay.
        let words = vocabulary("n\u{1D165}\u{302E}", "n\u{302E}\u{1D165}")
        #expect(try tokens("n\u{302E}\u{1D165}", words) == ["n\u{1D165}\u{302E}"])
        #expect(try tokens("n\u{302E}\u{301}\u{1D165}", words) == ["n\u{1D165}\u{302E}"])
        #expect(try tokens("n\u{302E}\u{34F}\u{1D165}", words) == ["n\u{302E}\u{1D165}"])
        #expect(try tokens("n\u{302E}\u{1}\u{1D165}", words) == ["n\u{1D165}\u{302E}"])
    }

    @Test(arguments: ["", " ", "\n\t", "\u{200D}\u{0}"])
    func `Empty and blank texts are [CLS] [SEP]`(text: String) throws {
        let encoding = try tokenizer("uncased").encode(text, maxLength: 128)
        #expect(encoding == Encoding(inputIDs: [2, 3], typeIDs: [0, 0]))
    }

    @Test
    func `An empty second text still has its [SEP]`() throws {
        let encoding = try tokenizer("uncased").encode("", pair: "", maxLength: 128)
        #expect(encoding == Encoding(inputIDs: [2, 3, 3], typeIDs: [0, 0, 1]))
    }

    @Test(arguments: [Int.min, -1, 0, 1, 2])
    func `Lengths that cannot hold the special tokens give just these`(length: Int) throws {
        let tokenizer = try tokenizer("uncased")
        #expect(tokenizer.encode("the quick fox", maxLength: length).inputIDs == [2, 3])
        #expect(tokenizer.encode("the quick", pair: "fox", maxLength: length).inputIDs == [2, 3, 3])
    }

    @Test
    func `A truncated encoding is a prefix of the whole one`() throws {
        let tokenizer = try tokenizer("uncased")
        let text = "The quick brown fox [MASK] don't stop, naïve façade 漢字!"
        let whole = tokenizer.encode(text, maxLength: Int.max).inputIDs
        for length in 2...whole.count {
            #expect(tokenizer.encode(text, maxLength: length).inputIDs == whole.prefix(length - 1) + [3])
        }
    }

    @Test
    func `Bytes that are not UTF-8 are left out, whatever they are`() throws {
        let tokenizer = try tokenizer("uncased")
        let expected = tokenizer.encode("the fox", maxLength: 99)
        let broken: [[UInt8]] = [
            [0x80], [0xC0, 0xAF], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFF, 0xFE],
        ]
        for bytes in broken {
            let text = Array("the".utf8) + bytes + Array(" f".utf8) + bytes + Array("ox".utf8) + bytes
            let found = text.withUnsafeBufferPointer { tokenizer.encode(utf8: $0, maxLength: 99) }
            #expect(found == expected, "\(bytes)")
        }
    }

    @Test
    func `A null pointer is an empty text`() throws {
        let empty = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        let encoding = try tokenizer("uncased").encode(utf8: empty, pair: empty, maxLength: 9)
        #expect(encoding.inputIDs == [2, 3, 3])
    }

    @Test
    func `One tokenizer serves many threads`() async throws {
        let tokenizer = try tokenizer("uncased")
        let texts = try Reference.load().texts
        let expected = texts.map { tokenizer.encode($0, maxLength: 64) }
        let same = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 { group.addTask { texts.map { tokenizer.encode($0, maxLength: 64) } == expected } }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(same)
    }

    @Test(arguments: [
        (3, 9, 8, 3, 5), (9, 3, 8, 5, 3), (9, 9, 7, 3, 4), (9, 10, 7, 3, 4), (10, 9, 7, 4, 3), (2, 2, 9, 2, 2),
        (5, 5, 0, 0, 0), (0, 5, 3, 0, 3), (4, 5, 8, 4, 4),
    ])
    func `Pairs are cut by the reference's rule`(first: Int, second: Int, room: Int, keptFirst: Int, keptSecond: Int) {
        let kept = EncodingTemplate.longestFirst(first, second, room: room)
        #expect(kept == (keptFirst, keptSecond))
    }
}

/// BERT's own post-processor, for a vocabulary that has [CLS] and [SEP] where it usually has them.
let bertProcessor = #"{"type":"BertProcessing","cls":["[CLS]",2],"sep":["[SEP]",3]}"#

/// A whole `tokenizer.json` around these parts.
func tokenizerJSON(
    vocab: String = #"{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"a":5}"#,
    normalizer: String = #"{"type":"BertNormalizer"}"#, preTokenizer: String = #"{"type":"BertPreTokenizer"}"#,
    added: String = "[]", processor: String = bertProcessor, model: String = ""
) -> String {
    ##"""
    {"version":"1.0","added_tokens":\##(added),"normalizer":\##(normalizer),"pre_tokenizer":\##(preTokenizer),\##
    "post_processor":\##(processor),"model":{"type":"WordPiece","unk_token":"[UNK]",\##
    "continuing_subword_prefix":"##"\##(model),"vocab":\##(vocab)}}
    """##
}
