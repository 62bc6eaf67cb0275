/// Finds labels that are probably wrong by confident learning (Northcutt, Jiang and Chuang, "Confident learning:
/// estimating uncertainty in dataset labels", 2021), from probabilities by classifiers that have not seen the example.
public struct LabelErrors: Sendable, Equatable {
    /// An example whose label is less probable than another one.
    public struct Candidate: Sendable, Equatable {
        /// The example.
        public var row: Int
        /// Its label.
        public var given: Int
        /// The most probable label.
        public var proposed: Int
        /// The probability of the label that it has.
        public var givenProbability: Double
        /// The probability of the proposed one.
        public var proposedProbability: Double
    }

    /// Examples whose label is less probable than another one, the least probable label first: by self-confidence, in
    /// the terms of the paper.
    public var candidates: [Candidate]
    /// How many labels are wrong, as the confident joint says.
    public var estimate: Int

    /// Confident learning on these probabilities.
    ///
    /// An example counts as one of the class that is most probable among those whose probability is at least what it
    /// is, on average, for examples with that label. Of the examples with a label that count as anything, the share
    /// that counts as another class is the share of wrong labels.
    public init(_ probabilities: ScoreMatrix, labels: [Int]) {
        precondition(probabilities.rows == labels.count)
        let classes = probabilities.classes
        var (sums, counts) = ([Double](repeating: 0, count: classes), [Int](repeating: 0, count: classes))
        for (row, label) in labels.enumerated() {
            sums[label] += probabilities[row, label]
            counts[label] += 1
        }
        let thresholds = (0..<classes).map { counts[$0] == 0 ? Double.infinity : sums[$0] / Double(counts[$0]) }
        var (counted, wrong) = ([Int](repeating: 0, count: classes), [Int](repeating: 0, count: classes))
        for (row, label) in labels.enumerated() {
            var best: Int?
            for other in 0..<classes where probabilities[row, other] >= thresholds[other] {
                if let known = best, probabilities[row, other] <= probabilities[row, known] { continue }
                best = other
            }
            guard let best else { continue }
            counted[label] += 1
            wrong[label] += best == label ? 0 : 1
        }
        var sum = 0.0
        for label in 0..<classes where counted[label] > 0 {
            sum += Double(counts[label]) * Double(wrong[label]) / Double(counted[label])
        }
        candidates = probabilities.best().enumerated().compactMap { row, best in
            let label = labels[row]
            guard best != label, probabilities[row, best] > probabilities[row, label] else { return nil }
            return Candidate(
                row: row, given: label, proposed: best, givenProbability: probabilities[row, label],
                proposedProbability: probabilities[row, best])
        }
        candidates.sort { ($0.givenProbability, $0.row) < ($1.givenProbability, $1.row) }
        estimate = min(Int(sum.rounded()), candidates.count)
    }

    /// C of the regression whose probabilities count: a strong prior, which wrong labels bend less.
    public static let strength = 1.0
    /// How often the examples are cut into folds.
    static let repetitions = 2

    /// The probabilities of the classes of each example, by logistic regressions on the others: the mean over two
    /// repetitions of 5-fold stratified cross-validation.
    ///
    /// - Parameter seed: Draws the folds.
    public static func heldOutProbabilities(
        _ features: FeatureMatrix, labels: [Int], classes: Int, seed: UInt64
    ) -> ScoreMatrix {
        var sum = ScoreMatrix(rows: labels.count, classes: classes)
        for repetition in 0..<repetitions {
            let folds = StratifiedFolds.assign(labels, count: 5, seed: seed, repetition: repetition)
            let scores = CrossValidation.scores(labels, folds: folds, classes: classes) { train, out in
                LogisticRegression(inverseRegularization: strength)
                    .fit(features.selecting(train), labels: train.map { labels[$0] }, classes: classes)
                    .scores(features.selecting(out))
            }
            sum = sum.adding(scores.softmax(), times: 1 / Double(repetitions))
        }
        return sum
    }
}
