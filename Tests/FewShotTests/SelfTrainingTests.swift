import Foundation
import Numerics
import Testing

@testable import FewShot

struct SelfTrainingTests {
    /// Texts of two classes whose embeddings overlap, and whose terms say the class of half of them.
    private func examples(_ count: Int, seed: UInt64) -> (TwoViewMethod.Examples, [Int]) {
        var random = PhiloxStream(seed: seed, purpose: .shuffle)
        var (values, terms, labels): ([Float], [[String]], [Int]) = ([], [], [])
        for i in 0..<count {
            let label = i % 2
            for d in 0..<4 {
                let normal = (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * .pi * random.nextUnit())
                values.append(Float(normal + (d == 0 ? (label == 0 ? -0.8 : 0.8) : 0)))
            }
            terms.append(random.nextUnit() < 0.5 ? ["word\(label)"] : ["other\(random.next(below: 5))"])
            labels.append(label)
        }
        return (.init(features: FeatureMatrix(rows: count, width: 4, values: values), terms: terms), labels)
    }

    @Test func `two views are better than one, and unlabelled texts help`() {
        let (few, labels) = examples(16, seed: 1)
        let (pool, _) = examples(1000, seed: 2)
        let (test, testLabels) = examples(2000, seed: 3)
        let method = TwoViewMethod(lexicalWeight: 1)
        let initial = method.fit(few, targets: .oneHot(labels, classes: 2))
        let taught = SelfTraining(method: method).fit(
            few, labels: labels, classes: 2, unlabelled: pool, initial: initial, shares: [0.5, 0.5])
        let dense = initial.dense.scores(test.features).accuracy(testLabels)
        let both = initial.scores(test.features, terms: test.terms).accuracy(testLabels)
        let after = taught.scores(test.features, terms: test.terms).accuracy(testLabels)
        #expect(both > dense && after > both, "\(dense) \(both) \(after)")
    }

    @Test func `the most confident texts of each class are chosen`() {
        var p = ScoreMatrix(rows: 5, classes: 2)
        for (row, value) in [0.9, 0.6, 0.2, 0.7, 0.4].enumerated() { (p[row, 0], p[row, 1]) = (value, 1 - value) }
        let chosen = SelfTraining.mostConfident(p, fraction: 0.5)
        #expect(chosen.map(\.row) == [0, 2, 3] && chosen.map(\.label) == [0, 1, 0])
    }

    @Test func `descriptions decide where examples say nothing`() {
        // Two classes along the second axis; the examples differ along the first alone.
        let features = FeatureMatrix(rows: 4, width: 2, values: [1, 0, 0.9, 0, 1, 0, 0.9, 0])
        let labels = [0, 0, 1, 1]
        let described = FeatureMatrix(rows: 2, width: 2, values: [0, 1, 0, -1])
        let directions = DescribedClasses.directions(described, labels: [0, 1], classes: 2)
        let found = DescribedClasses(regression: .init(inverseRegularization: 10)).fit(
            features, labels: labels, classes: 2, directions: directions,
            folds: [[0, 1, 0, 1], [0, 1, 1, 0]])
        let test = FeatureMatrix(rows: 2, width: 2, values: [0, 0.5, 0, -0.5])
        #expect(found.classifier.scores(test).best() == [0, 1])
        #expect(abs(found.shares.reduce(0, +) - 1) < 1e-9 && found.heldOut.count == 2)
    }
}
