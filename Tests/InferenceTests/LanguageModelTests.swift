import Foundation
import Modeling
import Numerics
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// Masks and packed documents.
@Suite struct LanguageModelTests {
    private static let vocabulary =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cod", "##ling", "##s", "eel", "tuna", "the", "a", "一", "二"]
        + (0..<60).map { "w\($0)" }

    private let scratch: Scratch
    private let tokenizer: BertTokenizer

    init() throws {
        scratch = try Scratch()
        try scratch.write(Self.vocabulary.joined(separator: "\n") + "\n", "vocab.txt")
        tokenizer = try BertTokenizer(modelDirectory: scratch.path)
    }

    private func masker(_ probability: Double = 0.15, seed: UInt64 = 42) throws -> TokenMasker {
        try TokenMasker(tokenizer, probability: probability, seed: seed, path: "model")
    }

    private func ids(_ text: String) -> [Int32] { tokenizer.encode(text, maxLength: 512).inputIDs }

    @Test func `words are masked whole, and special tokens never`() throws {
        let masker = try masker(0.3)
        let sequence = ids("codlings eel the codling 一二 tuna unheard a")
        #expect(sequence.count == 14)
        let words: [Range<Int>] = [1..<4, 4..<5, 5..<6, 6..<8, 8..<9, 9..<10, 10..<11, 12..<13]
        var drawn: Set<Int> = []
        for round in 0..<200 {
            let (masked, labels) = masker.mask(sequence, round: UInt32(round), sample: 3)
            let targets = labels.indices.filter { labels[$0] != Target.ignored }
            #expect(!targets.isEmpty && targets.allSatisfy { labels[$0] == sequence[$0] })
            for word in words {
                let count = word.count { labels[$0] != Target.ignored }
                #expect(count == 0 || count == word.count, "\(word)")
            }
            for place in [0, 11, 13] { #expect(labels[place] == Target.ignored && masked[place] == sequence[place]) }
            for place in masked.indices where labels[place] == Target.ignored {
                #expect(masked[place] == sequence[place])
            }
            drawn.formUnion(targets)
        }
        #expect(drawn == Set(1..<13).subtracting([11]))
    }

    @Test func `of what is drawn 80% are masked, 10% replaced and 10% kept`() throws {
        let masker = try masker()
        let sequence = ids((0..<200).map { "w\($0 % 60)" }.joined(separator: " "))
        var (masks, others, kept, all) = (0, 0, 0, 0)
        for sample in 0..<200 {
            let (masked, labels) = masker.mask(sequence, round: 0, sample: UInt32(sample))
            let targets = labels.indices.filter { labels[$0] != Target.ignored }
            #expect(targets.count == 30)
            for place in targets {
                all += 1
                if masked[place] == tokenizer.maskID {
                    masks += 1
                } else if masked[place] == sequence[place] {
                    kept += 1
                } else {
                    others += 1
                }
            }
        }
        // A replacement may be the token itself, or the mask.
        #expect(abs(Double(masks) / Double(all) - 0.8) < 0.02)
        #expect(abs(Double(kept) / Double(all) - 0.1) < 0.02 && abs(Double(others) / Double(all) - 0.1) < 0.02)
    }

    @Test func `masks depend on seed, round and sample alone`() throws {
        let sequence = ids((0..<100).map { "w\($0 % 60)" }.joined(separator: " "))
        let first = try masker().mask(sequence, round: 1, sample: 2)
        #expect(try masker().mask(sequence, round: 1, sample: 2) == first)
        #expect(try masker().mask(sequence, round: 2, sample: 2) != first)
        #expect(try masker().mask(sequence, round: 1, sample: 3) != first)
        #expect(try masker(seed: 43).mask(sequence, round: 1, sample: 2) != first)
    }

    @Test func `a word longer than what is drawn is masked alone`() throws {
        let (_, labels) = try masker(0.01).mask(ids("codlings"), round: 0, sample: 0)
        #expect(labels.filter { $0 != Target.ignored }.count == 3)
    }

    @Test func `documents are packed to full length`() throws {
        let documents = ["the cod", "", "codlings a eel tuna", "   ", "w1 w2 w3 w4 w5"]
        for threads in [1, 3] {
            let packed = PackedDocuments(
                documents, tokenizer: tokenizer, length: 7, masker: try masker(), team: try ThreadTeam(count: threads))
            let texts = (0..<packed.count).map { index in
                packed.sequence(index).compactMap { tokenizer.token($0) }.joined(separator: " ")
            }
            #expect(
                texts == [
                    "[CLS] the cod [SEP] cod ##ling [SEP]", "[CLS] ##s a eel tuna [SEP] [SEP]",
                    "[CLS] w1 w2 w3 w4 w5 [SEP]",
                ])
            #expect((0..<3).map(packed.tokenCount) == [7, 7, 7] && packed.tokenCount == 16)
            let batch = packed.pack(masking: [2, 0], round: 5)
            #expect(batch.sampleKeys == [2, 0] && batch.offsets == [0, 7, 14])
            guard case .tokens(let labels) = batch.targets else { throw CocoaError(.coderInvalidValue) }
            #expect(labels.count == 14 && labels.count { $0 != Target.ignored } == 2)
        }
    }

    @Test func `a tokenizer without a mask is refused`() throws {
        try scratch.write(
            Self.vocabulary.filter { $0 != "[MASK]" }.joined(separator: "\n") + "\n", "vocab.txt")
        let other = try BertTokenizer(modelDirectory: scratch.path)
        #expect(throws: (any Error).self) { try TokenMasker(other, seed: 1, path: "model") }
    }
}
