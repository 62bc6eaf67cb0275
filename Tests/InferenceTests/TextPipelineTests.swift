import Corpus
import Modeling
import Numerics
import Synchronization
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// A model whose outputs are a function of a text's tokens, so that a mix-up shows.
private final class TokenModel: BatchModel, Sendable {
    let specification: ModelSpecification
    /// What it was given.
    let seen = Mutex<[PackedBatch]>([])

    init(outputWidth: Int = 3) {
        specification = ModelConfiguration.tiny(labels: (0..<outputWidth).map { "\($0)" }).classifier()
    }

    static func outputs(_ tokens: [Int32], _ types: [Int32]) -> [Float] {
        [
            Float(tokens.count), Float(tokens.enumerated().reduce(0) { $0 + ($1.0 + 1) * Int($1.1) }),
            Float(types.count { $0 == 1 }),
        ]
    }

    func outputs(_ batches: [PackedBatch]) -> [[Float]] {
        seen.withLock { $0 += batches }
        return batches.map { batch in
            (0..<batch.sequenceCount).flatMap { s in
                let range = Int(batch.offsets[s])..<Int(batch.offsets[s + 1])
                return Self.outputs(Array(batch.tokenIDs[range]), Array(batch.typeIDs[range]))
            }
        }
    }
}

@Suite struct TextPipelineTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        let words = (0..<20).map { "w\($0)" }.joined(separator: "\n")
        try scratch.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\(words)\n", "vocab.txt")
    }

    private func pipeline(_ model: any BatchModel, threads: Int, maxLength: Int = 64) throws -> TextPipeline {
        TextPipeline(
            .tiny(vocabulary: 25, positions: 64), path: scratch.path,
            tokenizer: try BertTokenizer(modelDirectory: scratch.path), maxLength: maxLength, model: model,
            team: try ThreadTeam(count: threads))
    }

    /// Texts of 0 to 60 words, in no order.
    private func texts(_ count: Int, pairs: Bool = false) -> [Example] {
        (0..<count).map { i in
            let words = (0..<(i * 37 % 61)).map { "w\((i * 7 + $0 * 3) % 20)" }
            return Example(text: words.joined(separator: " "), pair: pairs && i % 3 == 0 ? "w\(i % 20)" : nil)
        }
    }

    @Test(arguments: [1, 2, 5, 64, 700], [1, 3])
    func `each text gets its own outputs, whatever the lengths, batches and threads`(count: Int, threads: Int) throws {
        let model = TokenModel()
        let pipeline = try pipeline(model, threads: threads)
        let texts = texts(count, pairs: true)
        let outputs = try pipeline.outputs(texts)
        #expect(
            outputs.map(\.values)
                == texts.map {
                    let encoding = pipeline.tokenizer.encode($0.text, pair: $0.pair, maxLength: pipeline.maxLength)
                    return TokenModel.outputs(encoding.inputIDs, encoding.typeIDs)
                })
        // The test is one of several batches, some of several texts.
        let batches = model.seen.withLock { $0 }
        #expect(batches.reduce(0) { $0 + $1.sequenceCount } == count)
        if count == 700 { #expect(batches.count >= 4 * threads && batches.contains { $0.sequenceCount > 5 }) }
    }

    @Test func `no texts have no outputs`() throws {
        #expect(try pipeline(TokenModel(), threads: 2).outputs([]).isEmpty)
    }

    @Test func `texts are cut at the length`() throws {
        let outputs = try pipeline(TokenModel(), threads: 1, maxLength: 6).outputs(texts(9))
        #expect(outputs.map { $0.values[0] }.max() == 6)
    }

    @Test func `a model without a row of outputs for each text is refused`() throws {
        let pipeline = try pipeline(TokenModel(outputWidth: 2), threads: 1)
        #expect(throws: (any Error).self) { try pipeline.outputs(texts(4)) }
    }

    @Test func `a batch is the texts in the order that is given, keyed by their numbers`() {
        let encodings = (0..<4).map {
            Encoding(
                inputIDs: [2, Int32($0) + 5, 3].dropLast($0 % 2).map { $0 },
                typeIDs: [0, 0, 0].dropLast($0 % 2).map { $0 })
        }
        let batch = PackedBatch(
            packing: [3, 0, 2], encodings: { [encodings[$0]] }, target: { .classIndex(Int32($0) * 10) })
        #expect(batch.tokenIDs == [2, 8, 2, 5, 3, 2, 7, 3])
        #expect(batch.offsets == [0, 2, 5, 8])
        #expect(batch.sampleKeys == [3, 0, 2])
        #expect(batch.targets == .classes([30, 0, 20]))
        #expect(PackedBatch(packing: [1], encodings: { [encodings[$0]] }).targets == .none)
        // The two texts of a pair have dropout of their own, and the target of the pair.
        let pairs = PackedBatch(
            packing: [1, 0], encodings: { [encodings[$0], encodings[$0 + 2]] }, target: { .values([Float($0)]) })
        #expect(pairs.offsets == [0, 2, 4, 7, 10] && pairs.sampleKeys == [2, 3, 0, 1])
        #expect(pairs.targets == .values([1, 1, 0, 0], width: 1))
    }
}
