import Foundation
import Support
import SwiftProtobuf
import Testing

@testable import Tokenization

/// `sentencepiece.bpe.model` against `transformers`: Fixtures/make_sentencepiece.py.
@Suite struct SentencePieceTests {
    private struct Cases: Decodable {
        struct Kind: Decodable {
            var size: Int
            var single: [[Int32]]
            var pair: [[Int32]]
        }
        var inputs: [String]
        var tokenizers: [String: Kind]
    }

    private let config = Data(#"{"tokenizer_class": "XLMRobertaTokenizer"}"#.utf8)

    private func model(_ name: String = "sentencepiece") throws -> Data {
        try Data(contentsOf: fixtures.appending(path: "\(name)/sentencepiece.bpe.model"))
    }

    /// The error that a model gives; nil if it can be used.
    private func failure(_ model: Data) throws -> String? {
        try withFolder(["sentencepiece.bpe.model": model, "tokenizer_config.json": config]) { folder in
            do throws(FileError) {
                let tokenizer = try TokenizerFolder.load(folder)
                _ = tokenizer.encode("Hello [X] é 今天\u{0}\u{FFFF}", pair: "a", maxLength: 20)
                return nil
            } catch { return error.description }
        }
    }

    private func failure(_ change: (inout PBSentencePieceModel) -> Void) throws -> String? {
        var model = try PBSentencePieceModel(serializedBytes: model())
        change(&model)
        return try failure(model.serializedBytes())
    }

    @Test(arguments: ["sentencepiece", "sentencepiece-camembert"])
    func `ids of texts and pairs are those of transformers`(name: String) throws {
        let data = try Data(contentsOf: fixtures.appending(path: "sentencepiece.json"))
        let cases = try JSONDecoder().decode(Cases.self, from: data)
        let expected = try #require(cases.tokenizers[name])
        let tokenizer = try TokenizerFolder.load(fixtures.appending(path: name).path)
        #expect(tokenizer.vocabularySize == expected.size)
        #expect(cases.inputs.count == 138 && expected.single.count == 138)
        for (i, text) in cases.inputs.enumerated() {
            let single = tokenizer.encode(text, pair: nil, maxLength: 1 << 20)
            #expect(single.inputIDs == expected.single[i], "\(name) \(text.debugDescription)")
            let other = cases.inputs[cases.inputs.count - 1 - i]
            let pair = tokenizer.encode(text, pair: other, maxLength: 1 << 20)
            #expect(pair.inputIDs == expected.pair[i], "\(name) \(text.debugDescription)")
        }
    }

    @Test func `the file may be called spiece.model`() throws {
        let text = "The coordinator shards the data."
        let ids = try withFolder(["spiece.model": model(), "tokenizer_config.json": config]) { folder in
            try TokenizerFolder.load(folder).encode(text, pair: nil, maxLength: 99).inputIDs
        }
        let other = try TokenizerFolder.load(fixtures.appending(path: "sentencepiece").path)
        #expect(ids == other.encode(text, pair: nil, maxLength: 99).inputIDs)
    }

    @Test func `what a file says wrongly is an error that names it`() throws {
        #expect(try failure { $0.pieces[9].score = 1 } == nil)
        let cases: [(String, (inout PBSentencePieceModel) -> Void)] = [
            ("piece 9: its score is nan", { $0.pieces[9].score = .nan }),
            ("piece 9: its score is inf", { $0.pieces[9].score = .infinity }),
            ("piece 9: its type 7", { $0.pieces[9].type = 7 }),
            ("piece 9: a piece of 70000 bytes", { $0.pieces[9].piece = String(repeating: "x", count: 70_000) }),
            ("<unk> is not there", { $0.pieces[0].piece = "<pad>" }), ("<s> is not there", { $0.pieces.remove(at: 1) }),
            ("first 3 pieces must be <unk>, <s> and </s>, but </s> is not there", { $0.pieces[2].piece = "▁the" }),
            ("byte pairs", { $0.trainerSpec.modelType = 2 }), ("unknown type 77", { $0.trainerSpec.modelType = 77 }),
            ("no pieces", { $0.pieces = [] }), ("only 2 pieces", { $0.pieces.removeLast($0.pieces.count - 2) }),
            ("precompiled_charsmap", { $0.normalizerSpec.precompiledCharsmap = Data([1, 2, 3]) }),
            ("precompiled_charsmap", { $0.normalizerSpec.precompiledCharsmap.removeLast(900) }),
        ]
        for (words, change) in cases {
            let found = try #require(try failure(change), "\(words)")
            #expect(found.contains("sentencepiece.bpe.model") && found.contains(words), "\(found)")
            #expect(!found.contains("\n"))
        }
    }

    @Test func `damaged files are an error or another model, never a trap`() throws {
        let whole = try model()
        var refused = 0
        for cut in stride(from: 0, to: whole.count, by: whole.count / 19) {
            if let found = try failure(whole.prefix(cut)) {
                refused += 1
                #expect(found.contains("sentencepiece.bpe.model"), "\(cut): \(found)")
            }
        }
        #expect(refused >= 15)
        var state: UInt64 = 14
        for _ in 0..<60 {
            var bytes = [UInt8](whole)
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] ^= 1 << UInt8(state >> 20 & 7)
            }
            if let found = try failure(Data(bytes)) { #expect(found.contains("sentencepiece.bpe.model"), "\(found)") }
        }
        for bytes in [
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x41], [UInt8](repeating: 0xFF, count: 99), Array("{}".utf8),
        ] {
            #expect(try failure(Data(bytes))?.contains("sentencepiece.bpe.model") == true)
        }
    }
}
