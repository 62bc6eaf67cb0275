import Numerics

/// Cuts labelled examples into folds that have about equally many of each class, for cross-validation.
public enum StratifiedFolds {
    /// The fold of each example, 0 to `count` - 1.
    ///
    /// The examples of each class are shuffled and dealt to the folds in turn, each class going on where the one before
    /// has ended, so that the sizes of folds differ by 1 at the most. It is a function of its arguments alone.
    ///
    /// - Parameters:
    ///   - labels: The class of each example.
    ///   - repetition: Another one shuffles otherwise.
    public static func assign(_ labels: [Int], count: Int, seed: UInt64, repetition: Int) -> [Int] {
        precondition(count > 0)
        var result = [Int](repeating: 0, count: labels.count)
        var next = 0
        let byClass = Dictionary(grouping: labels.indices, by: { labels[$0] })
        for label in byClass.keys.sorted() {
            var examples = byClass[label] ?? []
            var random = PhiloxStream(
                seed: seed, purpose: .folds, stream: UInt32(truncatingIfNeeded: label),
                round: UInt32(truncatingIfNeeded: repetition))
            for i in stride(from: examples.count - 1, to: 0, by: -1) { examples.swapAt(i, random.next(below: i + 1)) }
            for example in examples {
                result[example] = next % count
                next += 1
            }
        }
        return result
    }

    /// How many folds a set can have: 5, or as many as its smallest class has examples; nil where a class has but one.
    public static func largestCount(_ labels: [Int]) -> Int? {
        let counts = Dictionary(grouping: labels, by: { $0 }).mapValues(\.count)
        guard let smallest = counts.values.min(), smallest > 1 else { return nil }
        return min(5, smallest)
    }
}
