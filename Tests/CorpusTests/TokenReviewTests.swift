import Testing
import Tokenization

@testable import Corpus

@Suite("What a tokenizer makes of texts")
struct TokenReviewTests {
    private let scratch = Scratch()

    private func tokenizer() throws -> BertTokenizer {
        _ = scratch.file("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n")
        return try BertTokenizer(modelDirectory: scratch.path)
    }

    private func review(_ texts: [(String, String?)], maxLength: Int) throws -> TokenReview {
        TokenReview(count: texts.count, tokenizer: try tokenizer(), maxLength: maxLength) { texts[$0] }
    }

    @Test func `texts that are cut are counted, those that just fit are not`() throws {
        let review = try review([("a b a", nil), ("a b a b", nil), ("a", nil)], maxLength: 5)
        #expect(review.cut == 1 && review.sampled == 3)
        #expect(review.cutCount == "1 of 3 texts")
        #expect(try self.review([("a b", "b"), ("a b", "b a")], maxLength: 6).cutCount == "1 of 2 texts")
        #expect(try self.review([("a", nil)], maxLength: 5).cutCount == nil)
    }

    @Test func `a high share of unknown tokens is warned about`() throws {
        let line = try #require(try review([("a x x x", nil)], maxLength: 9).unknownLine("the test set"))
        #expect(line.hasPrefix("3 of 4 tokens of the test set (75%) are [UNK]"), "\(line)")
        #expect(try review([("a b a b a b a b a b x", nil)], maxLength: 99).unknownLine("") == nil)
        #expect(try review([("", nil)], maxLength: 99).unknownLine("") == nil)
    }

    @Test func `of many texts a sample is looked at, from all over the file`() throws {
        let count = 100_000
        // The last third is long.
        let texts = (0..<count).map { ($0 < 66_667 ? "a" : "a b a b", String?.none) }
        let review = try review(texts, maxLength: 5)
        #expect(review.total == count && review.sampled <= TokenReview.textLimit)
        #expect(abs(3 * review.cut - review.sampled) <= 6, "\(review)")
        #expect(review.cutCount?.hasPrefix("about 33,3") == true, "\(review.cutCount ?? "")")
        #expect(review.cutCount?.hasSuffix(" of 100,000 texts") == true)
    }

    @Test func `several sets make one line`() throws {
        func data(_ texts: [String]) -> Dataset {
            Dataset(path: "d", labels: ["x"], examples: texts.map { Example(text: $0, label: .one(0)) })
        }
        var review = DatasetReview()
        review.addTokens(
            [("the training set", data(["a a a", "x x"])), ("the test set", data(["b b b", "x x x"]))],
            tokenizer: try tokenizer(), maxLength: 4)
        #expect(
            review.notices == [
                "cut at --max-length 4 tokens: 1 of 2 texts of the training set, 2 of 2 texts of the test set"
            ])
        #expect(review.warnings.count == 1)
    }
}
