import Modeling
import Numerics
import Support
import Tokenization

/// Draws the tokens that a masked language model is to guess: whole words (Devlin et al. 2019, as of May 2019), of
/// which 80% of the tokens become the mask, 10% any token, and 10% stay.
///
/// What is drawn is a function of (seed, round, sample) and of the tokens alone. A round is an epoch, or
/// ``evaluation``.
public struct TokenMasker: Sendable {
    /// The round of all evaluations: their masks are the same each time.
    public static let evaluation = UInt32.max
    /// The share of tokens that are drawn where nothing else is asked for.
    public static let usualProbability = 0.15

    /// The share of the tokens that are drawn.
    public let probability: Double
    private let seed: UInt64
    private let mask: Int32
    private let vocabulary: Int
    private let words: WordStarts
    /// The tokens that are never drawn: special ones, and that for what the vocabulary does not have.
    private let excluded: Set<Int32>

    /// - Parameter path: The folder of the tokenizer, for messages.
    /// - Throws: An error about a tokenizer without a token for masks.
    public init(
        _ tokenizer: any Tokenizer, probability: Double = usualProbability, seed: UInt64, path: String
    ) throws(FileError) {
        guard let mask = tokenizer.maskID else {
            throw FileError(path, "its tokenizer has no mask token, which a masked language model needs")
        }
        self.probability = probability
        self.seed = seed
        self.mask = mask
        vocabulary = tokenizer.vocabularySize
        words = WordStarts(tokenizer)
        excluded = Set(
            [tokenizer.clsID, tokenizer.sepID, tokenizer.padID, tokenizer.maskID, tokenizer.unknownID].compactMap { $0 }
        )
    }

    /// Whether there is a token that may be drawn.
    func canMask(_ ids: some Sequence<Int32>) -> Bool { ids.contains { !excluded.contains($0) } }

    /// A sequence with masks, and what is to be guessed of each of its tokens: ``Target/ignored`` where that is
    /// nothing.
    ///
    /// - Parameter sample: The number of the sequence.
    public func mask(_ ids: [Int32], round: UInt32, sample: UInt32) -> (ids: [Int32], labels: [Int32]) {
        var words: [Range<Int>] = []
        var count = 0
        for (place, id) in ids.enumerated() where !excluded.contains(id) {
            count += 1
            if let last = words.last, last.upperBound == place, !self.words.contains(id) {
                words[words.count - 1] = last.lowerBound..<(place + 1)
            } else {
                words.append(place..<(place + 1))
            }
        }
        var (masked, labels) = (ids, [Int32](repeating: Target.ignored, count: ids.count))
        guard count > 0 else { return (masked, labels) }
        let wanted = max(1, Int((Double(count) * probability).rounded()))
        var random = PhiloxStream(seed: seed, purpose: .masking, stream: sample, round: round)
        random.shuffle(&words)
        var drawn = 0
        for word in words {
            // A word that is too long for what is left gives way to a shorter one, but for the very first.
            guard drawn == 0 || drawn + word.count <= wanted else { continue }
            for place in word {
                labels[place] = ids[place]
                switch random.next(below: 10) {
                case 0..<8: masked[place] = mask
                case 8: masked[place] = Int32(random.next(below: vocabulary))
                default: break
                }
            }
            drawn += word.count
            if drawn >= wanted { break }
        }
        return (masked, labels)
    }
}
