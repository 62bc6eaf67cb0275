import Corpus
import Foundation
import Modeling
import Support
import TestSupport
import Testing

@testable import Inference

/// Against the fill-mask pipeline of `transformers`: `Fixtures/export_fill_mask.py`.
@Suite struct MaskFillerTests {
    private struct Reference: Decodable {
        struct Candidate: Decodable {
            var score: Double
            var token: Int32
            var token_str: String
        }
        var texts: [String]
        var masks: [[[Candidate]]]
    }

    private func pipeline(_ threads: Int, maxLength: Int = 12) throws -> TextPipeline {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
        return try TextPipeline(
            try ModelFolder(path: "\(fixtures)/fill-mask"), threads: threads, maxLength: maxLength,
            precision: .float32)
    }

    @Test(arguments: [1, 3])
    func `tokens and scores are those of transformers, whatever texts stand beside`(threads: Int) throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let reference = try JSONDecoder().decode(
            Reference.self, from: Data(contentsOf: url.appendingPathComponent("fill-mask.json")))
        let filler = try MaskFiller(try pipeline(threads), count: 4)
        let copies = 60
        let texts = (0..<copies).flatMap { _ in reference.texts.map { Example(text: $0) } }
        let found = try filler.fill(texts, from: "t")
        #expect(found.count == texts.count)
        for (place, masks) in found.enumerated() {
            let expected = reference.masks[place % reference.texts.count]
            #expect(masks.count == expected.count)
            for (mine, theirs) in zip(masks, expected) {
                #expect(mine.map(\.id) == theirs.map(\.token) && mine.map(\.token) == theirs.map(\.token_str))
                for (one, other) in zip(mine, theirs) { #expect(abs(one.score - other.score) < 1e-5) }
            }
        }
        let all = try MaskFiller(try pipeline(1), count: 1000).fill([Example(text: "a [MASK]")], from: "t")[0][0]
        #expect(all.count == 21 && abs(all.reduce(0) { $0 + $1.score } - 1) < 1e-9)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.score >= $1.score })
        var json = JSONWriter()
        json.masks([[.init(id: 7, token: "\"a", score: 0.5), .init(id: 8, token: "b", score: 0.25)], []])
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"{"masks": [[{"score": 0.5, "token": 7, "token_str": "\"a"}, "#
                + #"{"score": 0.25, "token": 8, "token_str": "b"}], []]}"#)
    }

    @Test func `a text without a mask is refused, and so is one whose mask is cut off`() throws {
        let filler = try MaskFiller(try pipeline(1, maxLength: 6))
        #expect(try filler.fill([], from: "t").isEmpty)
        for (text, reason) in [
            ("a cod", "t.csv: text 12, \"a cod\", has no [MASK]"),
            ("the deep blue sea of [MASK]", "has 1 times [MASK], 0 of them among its first 6 tokens"),
            ("[MASK] the deep blue sea of [MASK]", "has 2 times [MASK], 1 of them among its first 6 tokens"),
        ] {
            let message = failure {
                _ = try filler.fill([Example(text: "[MASK]"), Example(text: text)], from: "t.csv", before: 10)
            }
            #expect(message.contains(reason), "\(message)")
        }
    }
}
