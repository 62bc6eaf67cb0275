import Modeling
import Numerics
import Tokenization

/// Pairs of texts, of one class (target 1) and of two (target 0): what SetFit makes of a labelled set (Tunstall et al.,
/// "Efficient few-shot learning without prompts", 2022).
///
/// In each round every text is paired with one of its class, another one where there is such, and with one of another
/// class, drawn by the seed, the round and the text.
public struct ContrastedPairs: ExampleSource {
    private let texts: [Encoding]
    private let classes: [Int]
    /// By class.
    private let members: [[Int]]
    private let rounds: Int
    private let seed: UInt64

    /// - Parameters:
    ///   - classes: The class of each text; at least two of them differ.
    ///   - rounds: How many pairs of either kind each text begins.
    public init(_ texts: [Encoding], classes: [Int], rounds: Int, seed: UInt64) {
        precondition(texts.count == classes.count && Set(classes).count > 1 && rounds > 0, "texts of several classes")
        (self.texts, self.classes, self.rounds, self.seed) = (texts, classes, rounds, seed)
        var members = [[Int]](repeating: [], count: (classes.max() ?? 0) + 1)
        for (text, number) in classes.enumerated() { members[number].append(text) }
        self.members = members
    }

    /// See ``ExampleSource``.
    public var count: Int { 2 * rounds * texts.count }

    /// The two texts of a pair, as numbers, and whether they are of one class.
    func pair(_ index: Int) -> (first: Int, second: Int, isOfOneClass: Bool) {
        let isOfOneClass = index % 2 == 0
        let (round, first) = (index / 2).quotientAndRemainder(dividingBy: texts.count)
        var random = PhiloxStream(
            seed: seed, purpose: .pairs, stream: UInt32(truncatingIfNeeded: first),
            round: UInt32(truncatingIfNeeded: index % 2 + 2 * round))
        let own = members[classes[first]]
        if isOfOneClass {
            let place = own.firstIndex(of: first) ?? 0
            guard own.count > 1 else { return (first, first, true) }
            let drawn = random.next(below: own.count - 1)
            return (first, own[drawn < place ? drawn : drawn + 1], true)
        }
        // The texts of other classes, in the order of their numbers.
        var drawn = random.next(below: texts.count - own.count)
        for text in own {
            // Those of its own class are passed over.
            guard text <= drawn else { break }
            drawn += 1
        }
        return (first, drawn, false)
    }

    /// The two texts of a pair.
    public func encodings(_ index: Int) -> [Encoding] {
        let (first, second, _) = pair(index)
        return [texts[first], texts[second]]
    }

    /// The cosine that they are to have.
    public func target(_ index: Int) -> Target { .values([index % 2 == 0 ? 1 : 0]) }
}
