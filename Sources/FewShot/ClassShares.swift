import Foundation

/// How often each class occurs among unlabelled texts.
public enum ClassShares {
    /// The shares under which the probabilities of a classifier, which was fitted to other shares, explain the texts
    /// best: expectation maximization (Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new
    /// a priori probabilities", 2002). The probabilities must be calibrated: see ``TemperatureScaling``.
    ///
    /// - Parameters:
    ///   - probabilities: Of each text.
    ///   - fitted: The shares that the classifier was fitted to.
    ///   - pseudocount: Added to each class's count of texts, so that none dies out.
    public static func estimate(
        _ probabilities: ScoreMatrix, fitted: [Double], pseudocount: Double = 1, maxIterations: Int = 1000
    ) -> [Double] {
        let classes = probabilities.classes
        precondition(fitted.count == classes)
        guard probabilities.rows > 0 else { return fitted }
        var shares = fitted
        for _ in 0..<maxIterations {
            let adjusted = adjust(probabilities, from: fitted, to: shares)
            var next = [Double](repeating: pseudocount, count: classes)
            for row in 0..<adjusted.rows { for label in 0..<classes { next[label] += adjusted[row, label] } }
            let sum = next.reduce(0, +)
            for label in 0..<classes { next[label] /= sum }
            let change = zip(next, shares).reduce(0) { max($0, abs($1.0 - $1.1)) }
            shares = next
            if change < 1e-9 { break }
        }
        return shares
    }

    /// How far shares that a classifier says can be trusted: a classifier that is hardly better than chance makes up
    /// shares that are far from the true ones, and what learns from them gets worse. 0 where the accuracy on held-out
    /// texts, less its standard error, is up to half of the way from chance to 1; 1 from 80% of it on; linear between.
    ///
    /// - Parameter correctness: Of each text how often it was recognised when held out, 0 to 1.
    static func trust(_ correctness: [Double], classes: Int) -> Double {
        let found = FewShotMethod.mean(correctness)
        let chance = 1 / Double(max(classes, 2))
        let skill = (found.mean - found.standardError - chance) / (1 - chance)
        return min(1, max(0, (skill - 0.5) / 0.3))
    }

    /// Probabilities under other shares, by Bayes' rule.
    public static func adjust(_ probabilities: ScoreMatrix, from fitted: [Double], to shares: [Double]) -> ScoreMatrix {
        var result = probabilities
        for row in 0..<result.rows {
            var sum = 0.0
            for label in 0..<result.classes {
                result[row, label] *= shares[label] / max(fitted[label], 1e-12)
                sum += result[row, label]
            }
            guard sum > 0 else { continue }
            for label in 0..<result.classes { result[row, label] /= sum }
        }
        return result
    }

    /// The shares of classes among labels.
    public static func count(_ labels: [Int], classes: Int) -> [Double] {
        var shares = [Double](repeating: 0, count: classes)
        for label in labels { shares[label] += 1 / Double(max(labels.count, 1)) }
        return shares
    }
}
