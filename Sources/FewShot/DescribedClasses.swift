import Foundation
import Numerics

/// Logistic regression whose prior points at the embeddings of what the classes are called or described by: its mean is
/// g times the mean embedding of a class's descriptions, of length 1, less the mean over all classes.
///
/// How much the descriptions are worth, g, is not known from few examples. Each of some values is tried by
/// cross-validation, and their classifiers are averaged by the likelihood of the held-out examples, exp(-n loss), after
/// a temperature is fitted to each of them: else a large g, whose logits are large, would seem worse than it is where
/// some examples are not recognised. Where terms decide, too, it is the likelihood of both together: descriptions are
/// worth what they add to that.
public struct DescribedClasses: Sendable {
    /// The values of g.
    public var gains: [Double] = [0, 5, 10, 20, 40]
    /// The regression.
    public var regression: LogisticRegression

    /// With this regression.
    public init(regression: LogisticRegression) { self.regression = regression }

    /// The prior's mean for g = 1: (classes, width).
    ///
    /// - Parameters:
    ///   - descriptions: Embeddings of descriptions.
    ///   - labels: The class of each. A class may have several, or none: then its mean is 0.
    public static func directions(_ descriptions: FeatureMatrix, labels: [Int], classes: Int) -> [Float] {
        let width = descriptions.width
        var result = ClassCentres.fit(descriptions, labels: labels, classes: classes, scale: 1).weights
        let described = Set(labels).sorted()
        for i in 0..<width where !described.isEmpty {
            let mean = described.reduce(Float(0)) { $0 + result[$1 * width + i] } / Float(described.count)
            for label in described { result[label * width + i] -= mean }
        }
        return result
    }

    /// What was learnt.
    public struct Outcome: Sendable {
        /// The averaged classifier.
        public var classifier: LinearClassifier
        /// Scores of the examples, each by classifiers that have not seen it: a matrix for each way to cut folds. That
        /// of the averaged classifiers is the average of theirs, as scores are linear.
        public var heldOut: [ScoreMatrix]
        /// What the classifier of each of ``DescribedClasses/gains`` counts for.
        public var shares: [Double]
    }

    /// The averaged classifier.
    ///
    /// - Parameters:
    ///   - directions: See ``directions(_:labels:classes:)``.
    ///   - folds: The fold of each example, for each way to cut them, at least one.
    ///   - rows: The examples whose likelihood counts; nil for all. Where there are none, all gains count alike.
    ///   - fuse: Held-out scores by embeddings, of a way to cut folds, with what else decides.
    ///   - team: Threads to compute on; nil for this one alone. The outcome does not depend on them.
    public func fit(
        _ features: FeatureMatrix, labels: [Int], classes: Int, directions: [Float], folds: [[Int]],
        rows: [Int]? = nil, team: ThreadTeam? = nil,
        fuse: (ScoreMatrix, _ folding: Int) -> ScoreMatrix = { scores, _ in scores }
    ) -> Outcome {
        let (regression, priors) = (regression, gains.map { gain in directions.map { $0 * Float(gain) } })
        let scores = CrossValidation.scores(
            labels, foldings: folds, classes: classes, ways: priors.count, team: team
        ) { way, train, held in
            regression.fit(
                features.selecting(train), labels: train.map { labels[$0] }, classes: classes, priorMean: priors[way]
            ).scores(features.selecting(held))
        }
        let classifiers = CrossValidation.map(priors, team) {
            regression.fit(features, labels: labels, classes: classes, priorMean: $0)
        }
        let candidates = zip(classifiers, scores).map { classifier, heldOut in
            (
                classifier: classifier,
                heldOut: heldOut,
                logLikelihood: Self.logLikelihood(
                    heldOut.enumerated().map { fuse($1, $0).selecting(rows ?? Array(labels.indices)) },
                    (rows ?? Array(labels.indices)).map { labels[$0] })
            )
        }
        let best = candidates.map(\.logLikelihood).max() ?? 0
        let weights = candidates.map { exp($0.logLikelihood - best) }
        let sum = weights.reduce(0, +)
        let shares = weights.map { $0 / sum }
        let width = features.width
        var classifier = LinearClassifier(
            classes: classes, width: width, weights: [Float](repeating: 0, count: classes * width),
            bias: [Float](repeating: 0, count: classes))
        func average(_ part: (LinearClassifier) -> [Float]) -> [Float] {
            var result = part(candidates[0].classifier).map { Double($0) * shares[0] }
            for (candidate, share) in zip(candidates, shares).dropFirst() {
                for (i, value) in part(candidate.classifier).enumerated() { result[i] += Double(value) * share }
            }
            return result.map { Float($0) }
        }
        classifier.weights = average(\.weights)
        classifier.bias = average(\.bias)
        let heldOut = folds.indices.map { number in
            zip(candidates, shares).reduce(ScoreMatrix(rows: labels.count, classes: classes)) {
                $0.adding($1.0.heldOut[number], times: $1.1)
            }
        }
        return Outcome(classifier: classifier, heldOut: heldOut, shares: shares)
    }

    /// Of the labels, by scores of several repetitions that a temperature is fitted to.
    private static func logLikelihood(_ heldOut: [ScoreMatrix], _ labels: [Int]) -> Double {
        guard !labels.isEmpty else { return 0 }
        let stacked = ScoreMatrix(stacking: heldOut)
        let repeated = heldOut.flatMap { _ in labels }
        let temperature = TemperatureScaling.fit(stacked, labels: repeated, texts: labels.count)
        return -stacked.scaled(by: 1 / temperature).crossEntropy(repeated) * Double(labels.count)
    }
}
