import Corpus
import Inference
import Modeling
import Numerics
import TestSupport
import Testing
import Tokenization

/// A model that is sure of a text's class by the number of its tokens, and less so the more there are.
private struct LengthModel: BatchModel {
    let specification = ModelConfiguration.tiny().classifier()

    static func logits(_ tokens: Int) -> [Float] { (0..<3).map { $0 == tokens % 3 ? 3 / Float(tokens) : 0 } }

    func outputs(_ batches: [PackedBatch]) -> [[Float]] {
        batches.map { batch in
            (0..<batch.sequenceCount).flatMap { Self.logits(Int(batch.offsets[$0 + 1] - batch.offsets[$0])) }
        }
    }
}

@Suite struct EvaluatorTests {
    @Test func `losses are those of the examples in their order, and each text has its own label`() throws {
        let scratch = try Scratch()
        try scratch.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n", "vocab.txt")
        let model = LengthModel()
        let examples = (0..<2100).map { i in
            let words = i * 37 % 11
            // Every fourth label is wrong.
            return Example(
                text: (0..<words).map { _ in "a" }.joined(separator: " "),
                label: .one(Int32((words + 2 + (i % 4 == 0 ? 1 : 0)) % 3)))
        }
        let data = Dataset(path: "x.csv", labels: ["a", "b", "c"], examples: examples)
        var reports: [MetricReport] = []
        for threads in [1, 3] {
            let pipeline = TextPipeline(
                .tiny(vocabulary: 6), path: scratch.path, tokenizer: try BertTokenizer(modelDirectory: scratch.path),
                maxLength: 16, model: model, team: try ThreadTeam(count: threads))
            reports.append(try Evaluator(pipeline).evaluate(data).metrics)
        }
        var sum = 0.0
        for example in examples {
            let tokens = example.text.split(separator: " ").count + 2
            sum += LengthModel.logits(tokens).withUnsafeBufferPointer {
                CrossEntropy.loss($0, label: Int(example.classNumber ?? 0))
            }
        }
        #expect(reports[0].loss == sum / 2100)
        #expect(reports[0].examples == 2100 && reports[0].primary.value == 0.75)
        #expect(reports[1] == reports[0])
    }

    @Test func `coverage and accuracy are those of the texts that are answered`() throws {
        let scratch = try Scratch()
        try scratch.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n", "vocab.txt")
        let pipeline = TextPipeline(
            .tiny(vocabulary: 6), path: scratch.path, tokenizer: try BertTokenizer(modelDirectory: scratch.path),
            maxLength: 16, model: LengthModel(), team: try ThreadTeam(count: 1))
        // 2, 3, 4 and 5 tokens: e^(3 / tokens) against 1 and 1.
        let examples = (0..<4).map { (words: Int) -> Example in
            let text = [String](repeating: "a", count: words).joined(separator: " ")
            let label = words == 1 ? 1 : (words + 2) % 3
            return Example(text: text, label: .one(Int32(label)))
        }
        let data = Dataset(path: "x.csv", labels: ["a", "b", "c"], examples: examples)
        func values(_ least: Double) throws -> [String: Double] {
            let report = try Evaluator(pipeline).evaluate(data, abstention: Abstention(leastProbability: least)).metrics
            return Dictionary(uniqueKeysWithValues: report.values.map { ($0.kind.key, $0.value) })
        }
        // 0.69, 0.58 (wrong), 0.51 and 0.48.
        #expect(try values(0.3)["coverage"] == 1 && values(0.3)["answered_accuracy"] == 0.75)
        #expect(try values(0.5)["coverage"] == 0.75 && values(0.5)["answered_accuracy"] == 2.0 / 3)
        #expect(try values(0.6)["coverage"] == 0.25 && values(0.6)["answered_accuracy"] == 1)
        #expect(try values(0.9)["coverage"] == 0 && values(0.9)["answered_accuracy"] == nil)
        #expect(try values(0.9)["accuracy"] == 0.75)
        #expect(try Evaluator(pipeline).evaluate(data).metrics.values.allSatisfy { $0.kind.key != "coverage" })
    }
}
