import Testing

@testable import Tokenization

@Suite("Ids are those of the reference")
struct ReferenceTests {
    @Test(arguments: ["uncased", "cased"])
    func `for hostile strings, in lower case and not`(name: String) throws {
        let reference = try Reference.load()
        let tokenizer = try tokenizer(name)
        let expected = name == "cased" ? reference.cased : reference.uncased
        #expect(reference.texts.count == expected.count && expected.count > 400)
        for (text, ids) in zip(reference.texts, expected) {
            #expect(tokenizer.encode(text, maxLength: 1 << 30).inputIDs == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: ["uncased", "cased"])
    func `for single texts and pairs cut to many lengths`(name: String) throws {
        let reference = try Reference.load()
        let tokenizer = try tokenizer(name)
        let cases = name == "cased" ? reference.casedPairs : reference.uncasedPairs
        #expect(cases.count >= 80)
        for example in cases {
            let encoding = tokenizer.encode(example.first, pair: example.second, maxLength: example.maxLength)
            #expect(encoding == example.encoding, "\(example)")
        }
    }

    @Test
    func `for tokens that users added, in the text and in the normalized text`() throws {
        let reference = try Reference.load()
        let tokenizer = try tokenizer("added")
        for (text, ids) in zip(reference.addedTexts, reference.added) {
            #expect(tokenizer.encode(text, maxLength: 1 << 30).inputIDs == ids, "\(text.debugDescription)")
        }
    }

    @Test
    func `The plain normalizer and the one-pass scanner agree, for every option`() throws {
        let texts = try Reference.load().texts.prefix(200)
        for bits in 0..<8 {
            let options = NormalizerOptions(
                cleanText: bits & 1 != 0, handleChineseCharacters: bits & 2 != 0, stripAccents: bits & 4 != 0,
                lowercase: bits & 4 == 0)
            let plain = NormalizerOptions(
                cleanText: false, handleChineseCharacters: false, stripAccents: false, lowercase: false)
            let normalizer = Normalizer(options)
            let (direct, second) = (try scanner(options), try scanner(plain))
            for text in texts {
                let normalized = Array(text.utf8).withUnsafeBufferPointer { normalizer.normalize($0) }
                let expected = direct.encode(text, maxLength: 1 << 30)
                let found = normalized.withUnsafeBufferPointer { second.encode(utf8: $0, maxLength: 1 << 30) }
                #expect(found == expected, "\(text.debugDescription) \(options)")
            }
        }
    }

    private func scanner(_ options: NormalizerOptions) throws -> BertTokenizer {
        var description = try TokenizerFiles.load(fixtures.appending(path: "cased").path)
        description.options = options
        description.addedTokens = []
        return BertTokenizer(description)
    }
}
