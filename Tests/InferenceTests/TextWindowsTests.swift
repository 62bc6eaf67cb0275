import Modeling
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// Windows of long texts, and how several sets of them are put together.
@Suite struct TextWindowsTests {
    private static let vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f", "g"]
    private let scratch: Scratch
    private let tokenizer: BertTokenizer

    init() throws {
        scratch = try Scratch()
        try scratch.write(Self.vocabulary.joined(separator: "\n") + "\n", "vocab.txt")
        tokenizer = try BertTokenizer(modelDirectory: scratch.path)
    }

    private func ids(_ text: String, pair: String? = nil, maxLength: Int, most: Int) -> [[Int32]] {
        TextWindows(tokenizer, maxLength: maxLength, most: most).encodings(text, pair: pair).map(\.inputIDs)
    }

    @Test func `a text that fits is one window`() {
        #expect(ids("a b c", maxLength: 5, most: 3) == [[2, 5, 6, 7, 3]])
        #expect(ids("", maxLength: 5, most: 3) == [[2, 3]])
    }

    @Test func `a long text is cut without overlap, each window between special tokens`() {
        #expect(ids("a b c d e f g", maxLength: 5, most: 9) == [[2, 5, 6, 7, 3], [2, 8, 9, 10, 3], [2, 11, 3]])
        #expect(ids("a b c d e f g", maxLength: 5, most: 2) == [[2, 5, 6, 7, 3], [2, 8, 9, 10, 3]])
        #expect(ids("a b c d e f g", maxLength: 5, most: 1) == [[2, 5, 6, 7, 3]])
    }

    @Test func `pairs are cut off`() {
        #expect(ids("a b c d e", pair: "f g", maxLength: 6, most: 9).map(\.count) == [6])
    }

    @Test func `each set has micro-batches of its own`() {
        func encodings(_ texts: [String], most: Int = 9) -> [[Encoding]] {
            texts.map { TextWindows(tokenizer, maxLength: 4, most: most).encodings($0, pair: nil) }
        }
        let source = WindowedTexts([encodings(["a b c", "d"]), encodings(["e"]), encodings(["f g"])], batch: 4)
        #expect(source.windows == [[0..<2, 2..<3], [4..<5], [8..<9]] && source.count == 12)
        // The gap is filled with the shortest window.
        #expect(source.encodings(3)[0].inputIDs == [2, 7, 3] && source.encodings(7)[0].inputIDs == [2, 9, 3])
        #expect((9..<12).allSatisfy { source.encodings($0)[0].inputIDs == [2, 10, 11, 3] })
        let alone = WindowedTexts([encodings(["e"])], batch: 4)
        #expect((0..<4).map { alone.encodings($0)[0].inputIDs } == (4..<8).map { source.encodings($0)[0].inputIDs })
        let batch = source.pack([0, 1, 2], round: 0)
        #expect(batch.sequenceCount == 3 && batch.targets == .none)
    }
}
