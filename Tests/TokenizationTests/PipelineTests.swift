import Foundation
import Support
import Testing

@testable import Tokenization

/// Tokenizers of byte pairs and of Unigram pieces against the `tokenizers` library: Fixtures/make_pipelines.py.
@Suite struct PipelineTests {
    private struct Cases: Decodable {
        struct Kind: Decodable {
            var size: Int
            var single: [[Int32]]
            var pair: [[Int32]]
        }
        var inputs: [String]
        var tokenizers: [String: Kind]
    }

    private static func cases() throws -> Cases {
        try JSONDecoder().decode(
            Cases.self, from: Data(contentsOf: fixtures.appending(path: "pipelines.json")))
    }

    private static func load(_ name: String) throws -> any Tokenizer {
        try TokenizerFolder.load(fixtures.appending(path: name).path)
    }

    private func failure(_ files: [String: Data]) throws -> String {
        try withFolder(files) { folder in
            do throws(FileError) {
                _ = try TokenizerFolder.load(folder)
                return "accepted"
            } catch { return error.description }
        }
    }

    @Test(arguments: ["byte-pairs", "byte-pairs-nfc", "unigram"])
    func `ids of texts and pairs are those of the library`(name: String) throws {
        let cases = try Self.cases()
        let expected = try #require(cases.tokenizers[name])
        let tokenizer = try Self.load(name)
        #expect(tokenizer.vocabularySize == expected.size)
        #expect(cases.inputs.count == 169 && expected.single.count == 169)
        // Twice: words that were met are kept.
        for round in 0..<2 {
            for (i, text) in cases.inputs.enumerated() {
                let single = tokenizer.encode(text, pair: nil, maxLength: 1 << 20)
                #expect(single.inputIDs == expected.single[i], "\(name) \(round) \(text.debugDescription)")
                let other = cases.inputs[cases.inputs.count - 1 - i]
                let pair = tokenizer.encode(text, pair: other, maxLength: 1 << 20)
                #expect(pair.inputIDs == expected.pair[i], "\(name) \(round) \(text.debugDescription)")
                #expect(pair.typeIDs.count == pair.inputIDs.count && pair.typeIDs.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test func `vocab.json with merges.txt is the same tokenizer as tokenizer.json`() throws {
        let cases = try Self.cases()
        let (json, files) = (try Self.load("byte-pairs"), try Self.load("byte-pairs-files"))
        // These files do not say that "<mask>" takes the blank before it along.
        for text in cases.inputs where !text.contains("<mask>") {
            #expect(
                files.encode(text, pair: nil, maxLength: 99).inputIDs
                    == json.encode(text, pair: nil, maxLength: 99).inputIDs, "\(text.debugDescription)")
        }
    }

    @Test(arguments: ["byte-pairs", "byte-pairs-nfc", "unigram"])
    func `long texts are cut, and special tokens stay`(name: String) throws {
        let tokenizer = try Self.load(name)
        let text = String(repeating: "the coordinator shards the data ", count: 50)
        let whole = tokenizer.encode(text, pair: nil, maxLength: 1 << 20).inputIDs
        for length in [2, 3, 17, 100] {
            let cut = tokenizer.encode(text, pair: nil, maxLength: length).inputIDs
            #expect(cut == Array(whole.prefix(length - 1)) + whole.suffix(1))
            #expect(tokenizer.encode(text, pair: text, maxLength: max(4, length)).inputIDs.count == max(4, length))
        }
    }

    @Test func `many threads share a tokenizer`() async throws {
        let cases = try Self.cases()
        let expected = try #require(cases.tokenizers["unigram"])
        let tokenizer = try Self.load("unigram")
        await withTaskGroup(of: Bool.self) { group in
            for start in 0..<8 {
                group.addTask {
                    cases.inputs.indices.allSatisfy { i in
                        let place = (i + start * 20) % cases.inputs.count
                        return tokenizer.encode(cases.inputs[place], pair: nil, maxLength: 1 << 20).inputIDs
                            == expected.single[place]
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test(arguments: ["byte-pairs", "unigram"])
    func `damaged files are an error that names the file, never a trap`(name: String) throws {
        let folder = try fixtures.appending(path: name)
        let json = try Data(contentsOf: folder.appending(path: "tokenizer.json"))
        let config = try Data(contentsOf: folder.appending(path: "tokenizer_config.json"))
        let text = String(decoding: json, as: UTF8.self)
        for cut in stride(from: 0, to: json.count, by: json.count / 23 + 1) {
            let found = try failure(["tokenizer.json": json.prefix(cut), "tokenizer_config.json": config])
            #expect(found.contains("tokenizer.json"), "\(cut): \(found)")
        }
        let changes = [
            ("\"type\":\"BPE\"", "\"type\":\"Telepathy\""), ("\"type\":\"Unigram\"", "\"type\":\"Telepathy\""),
            ("\"vocab\":", "\"voc\":"), ("\"merges\":", "\"merge\":"), ("\"type\":\"ByteLevel\"", "\"type\":\"Bytes\""),
            ("\"type\":\"NFKC\"", "\"type\":\"NFKX\""), ("\"type\":\"RobertaProcessing\"", "\"type\":\"X\""),
        ]
        var tried = 0
        for (old, new) in changes where text.contains(old) {
            tried += 1
            let found = try failure([
                "tokenizer.json": Data(text.replacing(old, with: new, maxReplacements: 1).utf8),
                "tokenizer_config.json": config,
            ])
            #expect(found.contains("tokenizer.json"), "\(old): \(found)")
        }
        #expect(tried >= 3)
    }

    // What `transformers` 5.24 does: the scores of "▁ab" and of "▁a", "b" differ in the last digit, or not at all.
    @Test(arguments: [("PreTrainedTokenizerFast", [0, 6, 2]), ("XLMRobertaTokenizer", [0, 4, 5, 2])])
    func `scores are rounded as the class has them read`(name: String, ids: [Int32]) throws {
        let half = "-3.618107418554376"
        let pieces = """
            ["<s>",0],["<pad>",0],["</s>",0],["<unk>",0],["▁a",\(half)],["b",\(half)],["▁ab",-7.2362148371087525],
            ["<mask>",0]
            """
        let json = """
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":
            {"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor":
            {"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":false},
            "decoder":null,"model":{"type":"Unigram","unk_id":3,"vocab":[\(pieces)],"byte_fallback":false}}
            """
        let files = ["tokenizer.json": json, "tokenizer_config.json": "{\"tokenizer_class\": \"\(name)\"}"]
        let found = try withFolder(files) { folder in
            try TokenizerFolder.load(folder).encode("ab", pair: nil, maxLength: 9).inputIDs
        }
        #expect(found == ids)
    }

    @Test func `files of a kind that is not read are named`() throws {
        let found = try failure(["spiece.model": Data([1, 2, 3])])
        #expect(found.contains("spiece.model") && found.contains("save_pretrained"), "\(found)")
        let merges = try failure([
            "vocab.json": Data(#"{"a": 0, "b": 1}"#.utf8), "merges.txt": Data("a b\n".utf8),
            "tokenizer_config.json": Data(#"{"tokenizer_class": "RobertaTokenizer"}"#.utf8),
        ])
        #expect(merges.contains("merges.txt") || merges.contains("vocab.json"), "\(merges)")
    }
}
