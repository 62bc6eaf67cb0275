import FewShot
import Foundation
import Numerics
import Testing

/// How far texts are from what was learnt.
struct OutOfScopeTests {
    /// Points of length 1 around one centre for each label; centre 3 and above belong to no class.
    private func points(_ labels: [Int], seed: UInt64, spread: Double = 0.8) -> FeatureMatrix {
        var random = PhiloxStream(seed: seed, purpose: .split)
        let width = 8
        var values: [Float] = []
        for label in labels {
            var row = (0..<width).map { ($0 == label ? 1 : 0) + spread * (Double(random.nextUnit()) - 0.5) }
            let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for i in row.indices { row[i] /= length }
            values += row.map { Float($0) }
        }
        return FeatureMatrix(rows: labels.count, width: width, values: values)
    }

    private func labels(_ perClass: Int, _ classes: Range<Int> = 0..<3) -> [Int] {
        classes.flatMap { [Int](repeating: $0, count: perClass) }
    }

    @Test func `texts of other topics have higher scores, and about one in twenty of the own ones is above 1`() throws {
        let known = labels(40)
        let score = try #require(OutOfScopeScore(points(known, seed: 1), labels: known, classes: 3, seed: 5))
        let own = score.scores(points(labels(200), seed: 2))
        let others = score.scores(points(labels(200, 3..<6), seed: 3))
        let above = own.count { $0 > OutOfScopeScore.limit }
        #expect(above > 6 && above < 66, "\(above) of 600")
        #expect(others.count { $0 > OutOfScopeScore.limit } > 590)
        let sorted = own.sorted()
        #expect(abs(sorted[300]) < 0.2, "the median is about 0: \(sorted[300])")
        // The chance that one of another topic has the higher score.
        let wins = others.reduce(0) { sum, other in sum + own.count { $0 < other } }
        #expect(Double(wins) / Double(600 * 600) > 0.99)
        #expect(OutOfScopeScore(points(known, seed: 1), labels: known, classes: 3, seed: 5) == score)
    }

    @Test func `the score is the formula`() {
        let score = OutOfScopeScore(
            centres: FeatureMatrix(rows: 2, width: 2, values: [1, 0, 0, 2]),
            regression: LinearClassifier(classes: 2, width: 2, weights: [1, 0, 0, 1], bias: [0.5, 0]),
            distance: .init(mean: 0.5, deviation: 2), energy: .init(mean: -1, deviation: 0.5), median: 0.25,
            threshold: 2.25)
        let found = score.scores(FeatureMatrix(rows: 2, width: 2, values: [3, 1, 0, 2]))
        // Squared distances: 4 + 1 against 9 + 1; 0 against 1 + 4.
        func expected(_ distance: Double, _ logits: [Double]) -> Double {
            let energy = -log(exp(logits[0]) + exp(logits[1]))
            return ((distance - 0.5) / 2 + (energy + 1) / 0.5 - 0.25) / 2
        }
        #expect(abs(found[0] - expected(5, [3.5, 1])) < 1e-6 && abs(found[1] - expected(0, [0.5, 2])) < 1e-6)
    }

    @Test func `what says nothing of a tail has no score`() {
        let few = labels(2)
        #expect(OutOfScopeScore(points(few, seed: 1), labels: few, classes: 3, seed: 5) == nil)
        let alone = Array(0..<12)
        #expect(OutOfScopeScore(points(alone, seed: 1), labels: alone, classes: 12, seed: 5) == nil)
        let same = labels(10, 0..<1)
        #expect(OutOfScopeScore(points(same, seed: 1, spread: 0), labels: same, classes: 1, seed: 5) == nil)
        // A single example of a class does not stand in the way of others.
        let mixed = labels(20, 0..<2) + [2]
        #expect(OutOfScopeScore(points(mixed, seed: 1), labels: mixed, classes: 3, seed: 5) != nil)
    }
}
