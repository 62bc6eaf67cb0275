import Foundation

/// Learns from unlabelled texts what its own predictions say of them, in rounds (Yarowsky 1995), by two views that
/// teach each other (Blum and Mitchell, "Combining labeled and unlabeled data with co-training", 1998).
///
/// In each round the predictions are brought to the shares of classes (``SinkhornBalancing``), the most confident texts
/// of each class are added to the examples, for less than these count, and both views are fitted again.
public struct SelfTraining: Sendable {
    /// Rounds.
    public var rounds = 4
    /// The part of each class's texts that is added in the first round and in the last.
    public var fractions: ClosedRange<Double> = 0.3...0.9
    /// What an added text counts for.
    public var weight = 0.3
    /// How views are fitted.
    public var method: TwoViewMethod

    /// By this method.
    public init(method: TwoViewMethod) { self.method = method }

    /// The classifier of labelled examples and unlabelled ones.
    ///
    /// - Parameters:
    ///   - initial: The classifier of the labelled ones.
    ///   - shares: Those of the classes among the unlabelled texts.
    public func fit(
        _ labelled: TwoViewMethod.Examples, labels: [Int], classes: Int, unlabelled: TwoViewMethod.Examples,
        initial: TwoViews, shares: [Double], priorMean: [Float]? = nil
    ) -> TwoViews {
        var current = initial
        let all = TwoViewMethod.Examples(
            features: labelled.features.appending(unlabelled.features), terms: labelled.terms + unlabelled.terms)
        let view = method.lexicalWeight > 0 ? LexicalView(fitting: all.terms) : nil
        for round in 0..<rounds {
            let scores = current.scores(unlabelled.features, terms: unlabelled.terms)
            let balanced = SinkhornBalancing.balance(scores, shares: shares)
            let step = rounds > 1 ? Double(round) / Double(rounds - 1) : 1
            let fraction = fractions.lowerBound + step * (fractions.upperBound - fractions.lowerBound)
            let chosen = Self.mostConfident(balanced, fraction: fraction)
            let examples = TwoViewMethod.Examples(
                features: labelled.features.appending(unlabelled.features.selecting(chosen.map(\.row))),
                terms: labelled.terms + chosen.map { unlabelled.terms[$0.row] })
            let weights = labels.map { _ in 1.0 } + chosen.map { _ in weight }
            let targets = ScoreMatrix.oneHot(labels + chosen.map(\.label), classes: classes, weights: weights)
            current = method.fit(examples, targets: targets, priorMean: priorMean, view: view)
        }
        return current
    }

    /// The part of the texts of each class that are most probably of it, in the order of the texts.
    static func mostConfident(_ probabilities: ScoreMatrix, fraction: Double) -> [(row: Int, label: Int)] {
        let best = probabilities.best()
        var chosen: [(row: Int, label: Int)] = []
        for label in 0..<probabilities.classes {
            let rows = best.indices.filter { best[$0] == label }
            // Of equally probable ones the first.
            let sorted = rows.sorted {
                let (a, b) = (probabilities[$0, label], probabilities[$1, label])
                return a > b || (a == b && $0 < $1)
            }
            chosen += sorted.prefix(Int((fraction * Double(rows.count)).rounded())).map { ($0, label) }
        }
        return chosen.sorted { $0.row < $1.row }
    }
}
