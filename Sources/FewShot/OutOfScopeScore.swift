import Foundation

/// How far the embedding of a text is from what a classifier has learnt: high where the text belongs to none of its
/// classes.
///
/// Two things are added, each less its mean and divided by its standard deviation on held-out training texts: the
/// squared distance to the nearest class mean (Lee et al., "A simple unified framework for detecting
/// out-of-distribution samples", 2018, whose shared covariance is drawn all the way to a multiple of the identity,
/// since a handful of examples a class say little of it), and the energy -log Σ exp(logit) of a logistic regression
/// (Liu et al., "Energy-based out-of-distribution detection", 2020). That features and logits see different things is
/// what ViM (Wang et al. 2022) lives on. The sum is shifted and scaled: 0 is the median of held-out training texts,
/// and 1 what 5% of them exceed.
public struct OutOfScopeScore: Sendable, Equatable {
    /// What a part of the score has been on held-out training texts.
    public struct Scale: Sendable, Equatable {
        /// The mean.
        public var mean: Double
        /// The standard deviation, above 0.
        public var deviation: Double

        /// These.
        public init(mean: Double, deviation: Double) { (self.mean, self.deviation) = (mean, deviation) }

        /// Of these values.
        init(_ values: [Double]) {
            let count = Double(max(values.count, 1))
            mean = values.reduce(0, +) / count
            var squares = 0.0
            for value in values { squares += (value - mean) * (value - mean) }
            deviation = max((squares / count).squareRoot(), 1e-9)
        }

        func standardized(_ value: Double) -> Double { (value - mean) / deviation }
    }

    /// The mean embedding of each class.
    public var centres: FeatureMatrix
    /// Whose energy counts.
    public var regression: LinearClassifier
    /// Of squared distances.
    public var distance: Scale
    /// Of energies.
    public var energy: Scale
    /// The median of the sum on held-out training texts.
    public var median: Double
    /// What 5% of these exceed; greater than the median.
    public var threshold: Double

    /// The score from which on a text counts as out of scope.
    public static let limit = 1.0
    /// The share of held-out training texts that are within the limit.
    static let coverage = 0.95
    /// Held-out texts that say something of a median and a tail, at least.
    static let leastHeldOut = 8
    /// C of the regression.
    static let strength = 10.0

    /// These parts.
    public init(
        centres: FeatureMatrix, regression: LinearClassifier, distance: Scale, energy: Scale, median: Double,
        threshold: Double
    ) {
        precondition(centres.rows == regression.classes && centres.width == regression.width)
        (self.centres, self.regression) = (centres, regression)
        (self.distance, self.energy) = (distance, energy)
        (self.median, self.threshold) = (median, threshold)
    }

    /// The score of these examples' classes, with its scales by 5-fold stratified cross-validation. Held-out texts
    /// whose class has no other example say nothing and are left out.
    ///
    /// - Returns: Nil where fewer than 8 texts are left, or all of these are alike.
    public init?(_ features: FeatureMatrix, labels: [Int], classes: Int, seed: UInt64) {
        let folds = StratifiedFolds.assign(labels, count: 5, seed: seed, repetition: 0)
        var (distances, energies) = ([Double](), [Double]())
        for fold in Set(folds).sorted() {
            let train = labels.indices.filter { folds[$0] != fold }
            let known = Set(train.map { labels[$0] })
            let held = labels.indices.filter { folds[$0] == fold && known.contains(labels[$0]) }
            guard !held.isEmpty else { continue }
            let found = Parts(features.selecting(train), labels: train.map { labels[$0] }, classes: classes)
                .values(features.selecting(held))
            distances += found.distances
            energies += found.energies
        }
        guard distances.count >= Self.leastHeldOut else { return nil }
        let (distance, energy) = (Scale(distances), Scale(energies))
        let sums = zip(distances, energies).map { distance.standardized($0) + energy.standardized($1) }.sorted()
        let median = sums[(sums.count - 1) / 2]
        let threshold = sums[Int((Self.coverage * Double(sums.count)).rounded(.up)) - 1]
        guard threshold - median > 1e-6 else { return nil }
        let parts = Parts(features, labels: labels, classes: classes)
        self.init(
            centres: parts.centres, regression: parts.regression, distance: distance, energy: energy, median: median,
            threshold: threshold)
    }

    /// The score of each text.
    public func scores(_ features: FeatureMatrix) -> [Double] {
        let found = Parts(centres: centres, regression: regression).values(features)
        return zip(found.distances, found.energies).map {
            (distance.standardized($0) + energy.standardized($1) - median) / (threshold - median)
        }
    }

    /// What the score is made from.
    private struct Parts {
        var centres: FeatureMatrix
        var regression: LinearClassifier

        init(centres: FeatureMatrix, regression: LinearClassifier) {
            (self.centres, self.regression) = (centres, regression)
        }

        /// A class without examples has the mean of all as its centre, which is nearest to nothing that has a class.
        init(_ features: FeatureMatrix, labels: [Int], classes: Int) {
            let width = features.width
            var counts = [Double](repeating: 0, count: classes)
            for label in labels { counts[label] += 1 }
            var (sums, all) = ([Double](repeating: 0, count: classes * width), [Double](repeating: 0, count: width))
            for (row, label) in labels.enumerated() {
                for i in 0..<width {
                    let value = Double(features.values[row * width + i])
                    sums[label * width + i] += value
                    all[i] += value
                }
            }
            var values = [Float](repeating: 0, count: classes * width)
            for label in 0..<classes {
                for i in 0..<width {
                    let mean =
                        counts[label] > 0
                        ? sums[label * width + i] / counts[label] : all[i] / Double(max(labels.count, 1))
                    values[label * width + i] = Float(mean)
                }
            }
            centres = FeatureMatrix(rows: classes, width: width, values: values)
            regression = LogisticRegression(inverseRegularization: OutOfScopeScore.strength)
                .fit(features, labels: labels, classes: classes)
        }

        /// Squared distances to the nearest centre, and energies.
        func values(_ features: FeatureMatrix) -> (distances: [Double], energies: [Double]) {
            let (width, classes) = (centres.width, centres.rows)
            // |x - m|² = |x|² - (2 m x - |m|²): the nearest centre has the largest of these linear functions.
            let lengths = (0..<classes).map { -Self.squaredLength(centres, $0) }
            let nearness = LinearClassifier(
                classes: classes, width: width, weights: centres.values.map { 2 * $0 }, bias: lengths.map { Float($0) }
            ).scores(features)
            let logits = regression.scores(features)
            var (distances, energies) = ([Double](), [Double]())
            for row in 0..<features.rows {
                let range = (row * classes)..<((row + 1) * classes)
                let nearest = nearness.values[range].max() ?? 0
                distances.append(max(Self.squaredLength(features, row) - nearest, 0))
                let largest = logits.values[range].max() ?? 0
                let sum = logits.values[range].reduce(0) { $0 + exp($1 - largest) }
                energies.append(-(largest + log(sum)))
            }
            return (distances, energies)
        }

        private static func squaredLength(_ matrix: FeatureMatrix, _ row: Int) -> Double {
            var sum = 0.0
            for i in (row * matrix.width)..<((row + 1) * matrix.width) {
                sum += Double(matrix.values[i]) * Double(matrix.values[i])
            }
            return sum
        }
    }
}
