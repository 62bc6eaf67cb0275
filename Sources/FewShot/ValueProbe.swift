import Foundation
import Numerics

/// A linear map from embeddings to labels that a text has or has not, or to numbers: a logistic regression for each
/// label, or a ridge regression for each number. Its strength is chosen by repeated cross-validation on the labelled
/// texts alone: the usual one stays unless another one's held-out loss is smaller by more than the standard error of
/// the difference.
public struct ValueProbe: Sendable {
    /// What the numbers of a text mean.
    public enum Kind: Sendable, CaseIterable {
        /// 1 for a label that it has, 0 for one that it has not; the loss is binary cross-entropy.
        case labels
        /// Numbers as they are; the loss is the squared error.
        case numbers
    }

    /// What the numbers mean.
    public var kind: Kind
    /// Draws folds.
    public var seed: UInt64
    /// Times that texts are cut into folds.
    public var repetitions = 2
    /// Folds, where there are as many texts.
    public static let folds = 5

    /// For numbers of this kind.
    public init(_ kind: Kind, seed: UInt64) { (self.kind, self.seed) = (kind, seed) }

    /// A strength that was tried.
    public struct Candidate: Sendable, Equatable {
        /// For people.
        public var name: String
        /// The mean loss of held-out texts.
        public var loss: Double
        /// Its standard error.
        public var standardError: Double
    }

    /// What was learnt.
    public struct Outcome: Sendable {
        /// The map.
        public var classifier: LinearClassifier
        /// What was tried, the usual strength first; nothing where there are too few texts.
        public var candidates: [Candidate]
        /// The one that was chosen.
        public var chosen: Int
        /// What the chosen one says of held-out texts, by the first way to cut folds; nil where nothing was held out.
        public var heldOut: ScoreMatrix?
    }

    /// The strengths that are tried, the usual one first: C, or the ridge's λ.
    var strengths: [Double] {
        switch kind {
        case .labels: [10, 1, 100]
        case .numbers: [1, 0.1, 0.01, 10]
        }
    }

    private func name(_ strength: Double) -> String {
        let shown = strength == strength.rounded() ? String(Int(strength)) : "\(strength)"
        return switch kind {
        case .labels: "logistic regressions, C = \(shown)"
        case .numbers: "ridge regression, λ = \(shown)"
        }
    }

    /// Learns.
    ///
    /// - Parameters:
    ///   - targets: The numbers of each text.
    ///   - team: Threads to compute on; nil for this one alone. The outcome does not depend on them.
    public func fit(_ features: FeatureMatrix, targets: ScoreMatrix, team: ThreadTeam? = nil) -> Outcome {
        precondition(features.rows == targets.rows)
        let same = [Int](repeating: 0, count: features.rows)
        let count = min(Self.folds, features.rows)
        guard count > 1 else {
            return Outcome(
                classifier: fit(strengths[0], features, targets), candidates: [], chosen: 0, heldOut: nil)
        }
        let foldings = (0..<repetitions).map {
            StratifiedFolds.assign(same, count: count, seed: seed, repetition: $0)
        }
        let strengths = strengths
        let scores = CrossValidation.scores(
            same, foldings: foldings, classes: targets.classes, ways: strengths.count, team: team
        ) { way, train, held in
            fit(strengths[way], features.selecting(train), targets.selecting(train)).scores(features.selecting(held))
        }
        let losses = scores.map { foldings in meanLosses(foldings, targets) }
        var (chosen, gain) = (0, 0.0)
        for number in losses.indices.dropFirst() {
            let difference = FewShotMethod.mean(zip(losses[0], losses[number]).map { $0 - $1 })
            if difference.mean > difference.standardError, difference.mean > gain {
                (chosen, gain) = (number, difference.mean)
            }
        }
        let candidates = zip(strengths, losses).map { strength, losses in
            let found = FewShotMethod.mean(losses)
            return Candidate(name: name(strength), loss: found.mean, standardError: found.standardError)
        }
        return Outcome(
            classifier: fit(strengths[chosen], features, targets), candidates: candidates, chosen: chosen,
            heldOut: scores[chosen].first)
    }

    /// The map of this strength.
    func fit(_ strength: Double, _ features: FeatureMatrix, _ targets: ScoreMatrix) -> LinearClassifier {
        switch kind {
        case .labels: BinaryRegression(inverseRegularization: strength).fit(features, targets: targets)
        case .numbers: DenseRidge(regularization: strength).fit(features, targets: targets)
        }
    }

    /// The mean loss of each text over the ways to cut folds.
    private func meanLosses(_ foldings: [ScoreMatrix], _ targets: ScoreMatrix) -> [Double] {
        let share = 1 / Double(foldings.count * targets.classes)
        return (0..<targets.rows).map { row in
            foldings.reduce(0) { sum, scores in
                (0..<targets.classes).reduce(sum) { $0 + share * loss(scores[row, $1], targets[row, $1]) }
            }
        }
    }

    private func loss(_ output: Double, _ target: Double) -> Double {
        switch kind {
        case .labels: max(output, 0) - output * target + log1p(exp(-abs(output)))
        case .numbers: (output - target) * (output - target)
        }
    }
}
