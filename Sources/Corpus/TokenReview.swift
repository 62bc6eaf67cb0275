import Tokenization

/// How well texts fit a tokenizer and a length: how many are cut, and how many tokens the vocabulary does not have.
///
/// Of many texts it looks at a sample, evenly spaced, so that it takes a fraction of a second.
public struct TokenReview: Sendable, Equatable {
    /// The most texts that are tokenized.
    static let textLimit = 20_000
    /// About the most bytes that are tokenized.
    static let byteLimit = 8 << 20
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
        count: Int, tokenizer: any Tokenizer, maxLength: Int, example: (Int) -> (text: String, pair: String?)
    ) {
        total = count
        // Of a single text no more is read than is needed: tokens have some 4 bytes, and rarely more than 8.
        let most = min(max(maxLength, 0), 1 << 20) * 8
        var bytes = 0
        for i in 0..<count {
            let (text, pair) = example(i)
            bytes += pair.map { text.utf8.count + $0.utf8.count } ?? min(text.utf8.count, most)
        }
        func parts(_ whole: Int, _ limit: Int) -> Int { (whole + limit - 1) / limit }
        let stride = max(1, parts(count, Self.textLimit), parts(bytes, Self.byteLimit))
        for i in Swift.stride(from: 0, to: count, by: stride) {
            let (text, pair) = example(i)
            add(text, pair, tokenizer, maxLength)
        }
    }

    /// Adds one text or pair, which counts as looked at.
    private mutating func add(_ text: String, _ pair: String?, _ tokenizer: any Tokenizer, _ maxLength: Int) {
        let ids = tokenizer.encode(text, pair: pair, maxLength: maxLength + 1).inputIDs
        sampled += 1
        if ids.count > maxLength { cut += 1 }
        let unknownID = tokenizer.unknownID
        unknown += ids.count { $0 == unknownID }
        tokens += max(0, ids.count - (pair == nil ? 2 : 3))
    }

    /// Adds another review's counts.
    public mutating func add(_ other: TokenReview) {
        (sampled, total, cut) = (sampled + other.sampled, total + other.total, cut + other.cut)
        (tokens, unknown) = (tokens + other.tokens, unknown + other.unknown)
    }

    /// How many texts are cut, in words: "3 of 40 texts"; nil for none.
    public var cutCount: String? {
        guard cut > 0 else { return nil }
        if sampled == total { return "\(grouped(cut)) of \(plural(total, "text"))" }
        let estimate = Int((Double(cut) / Double(sampled) * Double(total)).rounded())
        return "about \(grouped(estimate)) of \(plural(total, "text"))"
    }

    /// A warning where many tokens are [UNK]; nil where that is not so.
    public func unknownLine(_ name: String) -> String? {
        guard tokens > 0, Double(unknown) >= Self.unknownShare * Double(tokens) else { return nil }
        let share = Int((100 * Double(unknown) / Double(tokens)).rounded())
        return
            "\(grouped(unknown)) of \(plural(tokens, "token"))\(name.isEmpty ? "" : " of \(name)") (\(share)%) are [UNK], "
            + "which the model's vocabulary does not have: take a model of the language and writing of the texts"
    }
}

extension DatasetReview {
    /// Adds what a tokenizer makes of the texts of data sets: a line on those that are cut, and one on unknown tokens.
    ///
    /// - Parameters:
    ///   - sets: The data sets with what they are called, as in "the training set"; "" for the only one.
    ///   - areCut: Whether texts that are too long are cut off.
    public mutating func addTokens(
        _ sets: [(name: String, data: Dataset)], tokenizer: any Tokenizer, maxLength: Int, areCut: Bool = true
    ) {
        var cut: [String] = []
        var hasWarned = false
        for (name, data) in sets {
            let review = TokenReview(count: data.examples.count, tokenizer: tokenizer, maxLength: maxLength) {
                (data.examples[$0].text, data.examples[$0].pair)
            }
            if let count = review.cutCount { cut.append(name.isEmpty ? count : "\(count) of \(name)") }
            // Of one language, all are.
            if !hasWarned, let line = review.unknownLine(name) {
                warnings.append(line)
                hasWarned = true
            }
        }
        if areCut, !cut.isEmpty { notices.append(Self.cutLine(cut.joined(separator: ", "), maxLength: maxLength)) }
    }

    /// The line on texts that are cut, of which `count` says how many.
    public static func cutLine(_ count: String, maxLength: Int) -> String {
        "cut at --max-length \(maxLength) tokens: \(count)"
    }
}
