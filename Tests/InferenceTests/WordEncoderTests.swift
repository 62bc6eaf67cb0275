import Corpus
import Modeling
import Numerics
import Support
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// Texts word by word, and their windows.
@Suite struct WordEncoderTests {
    private static let vocabulary = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cod", "##ling", "##s", "eel", "tuna", "the", "a", ",", "一", "二",
    ]
    private let scratch: Scratch
    private let tokenizer: BertTokenizer

    init() throws {
        scratch = try Scratch()
        try scratch.write(Self.vocabulary.joined(separator: "\n") + "\n", "vocab.txt")
        tokenizer = try BertTokenizer(modelDirectory: scratch.path)
    }

    private func id(_ token: String) -> Int32 { Int32(Self.vocabulary.firstIndex(of: token) ?? 1) }

    private func windows(_ text: String, pair: String? = nil, words: TextWords? = nil, maxLength: Int = 64)
        -> [WordEncoder.Window]
    {
        WordEncoder(tokenizer, maxLength: maxLength).windows(of: Example(text: text, pair: pair, words: words))
    }

    @Test func `words have the tokens of the text, and the first of each is known`() throws {
        let text = "codlings, the 一二 eel\u{200B} \u{FEFF}x"
        let window = try #require(windows(text).first)
        #expect(window.encoding.inputIDs == tokenizer.encode(text, maxLength: 64).inputIDs)
        #expect(window.words == 0..<7 && window.starts == [1, 4, 5, 6, 7, 8, 9])
        #expect(windows("").isEmpty && windows(" \n").isEmpty)
        // A word of which nothing is left has a place nevertheless.
        let odd = try #require(windows("a \u{7} a", words: TextWords([0..<1, 2..<3, 4..<5])).first)
        #expect(odd.encoding.inputIDs == [2, id("a"), 1, id("a"), 3] && odd.starts == [1, 2, 3])
    }

    @Test func `a predicate is the second text, and its word has that segment`() throws {
        let window = try #require(
            windows("the cod a cod", pair: "cod", words: TextWords([0..<3, 4..<7, 8..<9, 10..<13], predicate: 3)).first)
        let (cod, the, a) = (id("cod"), id("the"), id("a"))
        #expect(window.encoding.inputIDs == [2, the, cod, a, cod, 3, cod, 3])
        #expect(window.encoding.typeIDs == [0, 0, 0, 0, 1, 0, 1, 1] && window.starts == [1, 2, 3, 4])
        // Where only its form is known, it is the first that is so.
        #expect(try #require(windows("the cod a cod", pair: "cod").first).encoding.typeIDs == [0, 0, 1, 0, 0, 0, 1, 1])
    }

    @Test func `long texts become windows in which every word is asked for once, with words around it`() {
        var random = PhiloxStream(seed: 3, purpose: .split)
        for trial in 0..<200 {
            let words = (0..<(1 + random.next(below: 60))).map { _ in
                ["a", "cod", "codlings", "tuna", ","][random.next(below: 5)]
            }
            let maxLength = 3 + random.next(below: 30)
            let hasPair = trial % 3 == 0 && maxLength >= 8
            let found = windows(words.joined(separator: " "), pair: hasPair ? "tuna" : nil, maxLength: maxLength)
            var next = 0
            for window in found {
                #expect(window.words.lowerBound == next && !window.words.isEmpty)
                next = window.words.upperBound
                #expect(window.encoding.inputIDs.count <= max(maxLength, hasPair ? 5 : 3))
                #expect(window.encoding.typeIDs.count == window.encoding.inputIDs.count)
                for (word, start) in zip(window.words, window.starts) {
                    #expect(window.encoding.inputIDs[start] == id(words[word] == "codlings" ? "cod" : words[word]))
                }
                #expect(window.starts.count == window.words.count)
            }
            #expect(next == words.count)
        }
        let cuts = WordEncoder.cuts([Int](repeating: 1, count: 20), room: 8)
        #expect(cuts.map(\.asked) == [0..<6, 6..<10, 10..<14, 14..<20])
        #expect(cuts.map(\.seen) == [0..<8, 4..<12, 8..<16, 12..<20])
    }

    @Test func `windows have the tags of their words, and say what they go on with`() throws {
        let data = Dataset(
            path: "x.conll", labels: ["O", "B-X"],
            examples: [
                Example(text: "a cod", label: .tags([0, 1])),
                Example(
                    text: "a a a a a a a a cod a", label: .tags([0, 0, 0, 0, 0, 0, 0, 0, 1, 0])),
            ])
        for threads in [1, 3] {
            let source = TaggedWindows(
                data, tokenizer: tokenizer, maxLength: 8, team: try ThreadTeam(count: threads))
            #expect(source.continues == [false, false, true] && source.count == 3)
            #expect(source.target(0) == .tokens([-1, 0, 1, -1]))
            #expect(source.target(1) == .tokens([-1, 0, 0, 0, 0, 0, -1, -1]))
            #expect(source.target(2) == .tokens([-1, -1, 0, 0, 0, 1, 0, -1]))
            let notice = source.notice(" for the test", of: data, maxLength: 8)
            #expect(notice?.contains("1 of 2 sentences for the test is longer than --max-length 8") == true)
        }
        let short = TaggedWindows(data, tokenizer: tokenizer, maxLength: 64, team: try ThreadTeam(count: 1))
        #expect(short.continues == nil && short.notice("", of: data, maxLength: 64) == nil)
    }

    /// A model that finds a name in "cod", and in "eel" what goes on with one.
    private struct NameModel: BatchModel {
        let specification: ModelSpecification
        let names: [Int32: Int]

        func outputs(_ batches: [PackedBatch]) -> [[Float]] {
            batches.map { batch in
                guard case .tokens(let labels) = batch.targets else { return [] }
                return batch.tokenIDs.indices.filter { labels[$0] != Target.ignored }.flatMap { token in
                    (0..<3).map { $0 == names[batch.tokenIDs[token]] ?? 0 ? 2 : 0 }
                }
            }
        }
    }

    @Test func `predictions are spans in code points, and evaluation counts whole sentences`() throws {
        var configuration = ModelConfiguration.tiny(
            vocabulary: Self.vocabulary.count, positions: 64, labels: ["O", "B-X", "I-X"])
        configuration.purpose = TokenTagging().purpose
        let model = NameModel(
            specification: configuration.tokenClassifier, names: [id("cod"): 1, id("eel"): 2])
        let pipeline = TextPipeline(
            configuration, path: scratch.path, tokenizer: tokenizer, maxLength: 8, task: TokenTagging(), model: model,
            team: try ThreadTeam(count: 2))
        let long = "一 👍 a a a a cod eel a a, cod"
        let outputs = try pipeline.outputs([Example(text: long), Example(text: ""), Example(text: "eel", pair: "eel")])
        let format = TokenTagging().predictions(labels: configuration.labels)
        func line(_ index: Int) -> String {
            var json = JSONWriter()
            format.append(outputs[index], to: &json)
            return String(decoding: json.bytes, as: UTF8.self)
        }
        let first = line(0)
        #expect(first.contains(#"{"start": 12, "end": 19, "label": "X", "text": "cod eel", "score": 0.78"#), "\(first)")
        #expect(first.contains(#"{"start": 25, "end": 28, "label": "X", "text": "cod", "score""#), "\(first)")
        #expect(line(1) == #"{"text": "", "spans": []}"#)
        #expect(line(2).hasPrefix(#"{"text": "eel", "predicate": "eel", "spans": [{"start": 0, "end": 3,"#))

        let examples = [
            Example(text: long, label: .tags([0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1])),
            Example(text: "a cod", label: .tags([0, 0])),
        ]
        let report = try Evaluator(pipeline).evaluate(
            Dataset(path: "x.conll", labels: configuration.labels, examples: examples)
        ).metrics
        #expect(report.examples == 2 && report.values.first { $0.kind.key == "recall" }?.value == 1)
        #expect(abs((report.values.first { $0.kind.key == "precision" }?.value ?? 0) - 2.0 / 3) < 1e-12)
    }
}
