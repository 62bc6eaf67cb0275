import Tokenization

/// How well texts fit a tokenizer and a length: how many are cut, and how many tokens the vocabulary does not have.
///
/// Of many texts it looks at a sample, evenly spaced, so that it takes a fraction of a second.
public struct TokenReview: Sendable, Equatable {
    /// The most texts that are tokenized.
    static let textLimit = 20_000
    /// About the most bytes that are tokenized.
    static let byteLimit = 4 << 20
    /// From this share of [UNK] on, there is a warning.
    static let unknownShare = 0.1

    /// The texts that were looked at, and those that there are.
    public private(set) var sampled = 0
    /// See ``sampled``.
    public private(set) var total = 0
    /// Texts of the sample with more tokens than allowed.
    public private(set) var cut = 0
    /// Tokens of the sample as far as they are used, without special ones.
    public private(set) var tokens = 0
    /// How many of them are [UNK].
    public private(set) var unknown = 0

    /// Of nothing yet.
    public init() {}

    /// A review of `count` texts, or pairs.
    public init(
        count: Int, tokenizer: BertTokenizer, maxLength: Int, example: (Int) -> (text: String, pair: String?)
    ) {
        total = count
        var bytes = 0
        for i in 0..<count {
            let (text, pair) = example(i)
            bytes += text.utf8.count + (pair?.utf8.count ?? 0)
        }
        func parts(_ whole: Int, _ limit: Int) -> Int { (whole + limit - 1) / limit }
        let stride = max(1, parts(count, Self.textLimit), parts(bytes, Self.byteLimit))
        for i in Swift.stride(from: 0, to: count, by: stride) {
            let (text, pair) = example(i)
            add(text, pair, tokenizer, maxLength)
        }
    }

    /// Adds one text or pair, which counts as looked at.
    private mutating func add(_ text: String, _ pair: String?, _ tokenizer: BertTokenizer, _ maxLength: Int) {
        let ids = tokenizer.encode(text, pair: pair, maxLength: maxLength + 1).inputIDs
        sampled += 1
        if ids.count > maxLength { cut += 1 }
        unknown += ids.count { $0 == tokenizer.unknownID }
        tokens += max(0, ids.count - (pair == nil ? 2 : 3))
    }

    /// Adds another review's counts.
    public mutating func add(_ other: TokenReview) {
        (sampled, total, cut) = (sampled + other.sampled, total + other.total, cut + other.cut)
        (tokens, unknown) = (tokens + other.tokens, unknown + other.unknown)
    }

    /// How many texts are cut, in words; nil for none. `name` says which texts, as in "texts of the training set".
    public func cutLine(_ name: String, maxLength: Int) -> String? {
        guard cut > 0 else { return nil }
        let which =
            sampled == total
            ? "\(grouped(cut)) of \(plural(total, "text"))"
            : "about \(grouped(Int((Double(cut) / Double(sampled) * Double(total)).rounded()))) of \(grouped(total)) texts"
        return "\(which)\(name.isEmpty ? "" : " of \(name)") \(total == 1 || cut == 1 && sampled == total ? "is" : "are") "
            + "cut at --max-length \(maxLength) tokens"
    }

    /// A warning where many tokens are [UNK]; nil where that is not so.
    public func unknownLine(_ name: String) -> String? {
        guard tokens > 0, Double(unknown) >= Self.unknownShare * Double(tokens) else { return nil }
        let share = Int((100 * Double(unknown) / Double(tokens)).rounded())
        return "\(grouped(unknown)) of \(plural(tokens, "token"))\(name.isEmpty ? "" : " of \(name)") (\(share)%) are [UNK], "
            + "which the model's vocabulary does not have: take a model of the language and writing of the texts"
    }
}

extension DatasetReview {
    /// Adds what a tokenizer makes of a data set's texts; `name` says which, as in "the training set".
    public mutating func addTokens(_ data: Dataset, name: String, tokenizer: BertTokenizer, maxLength: Int) {
        let review = TokenReview(count: data.examples.count, tokenizer: tokenizer, maxLength: maxLength) {
            (data.examples[$0].text, data.examples[$0].pair)
        }
        if let line = review.cutLine(name, maxLength: maxLength) { notices.append(line) }
        if let line = review.unknownLine(name) { warnings.append(line) }
    }
}
