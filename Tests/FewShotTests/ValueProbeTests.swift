import Foundation
import Numerics
import Testing

@testable import FewShot

/// Linear maps from embeddings to sets of labels and to numbers.
@Suite struct ValueProbeTests {
    private static let features: FeatureMatrix = {
        var values: [Float] = []
        for i in 0..<10 {
            for j in 0..<4 { values.append(Float((i * 7 + j * 5) % 11) / 11 - 0.45) }
        }
        return FeatureMatrix(rows: 10, width: 4, values: values)
    }()
    private static var labels: ScoreMatrix {
        var result = ScoreMatrix(rows: 10, classes: 3)
        for i in 0..<10 { for k in 0..<3 { result[i, k] = (i * 3 + k * 2) % 5 < 2 ? 1 : 0 } }
        return result
    }
    private static var numbers: ScoreMatrix {
        var result = ScoreMatrix(rows: 10, classes: 2)
        for i in 0..<10 { (result[i, 0], result[i, 1]) = (Double(i * 4 % 9) * 1.5 - 3, 100 + Double(i * i) / 3) }
        return result
    }

    private func near(_ found: [Float], _ expected: [Double], _ tolerance: Double) -> Bool {
        found.count == expected.count && zip(found, expected).allSatisfy { abs(Double($0) - $1) < tolerance }
    }

    private struct Reference: Sendable {
        var strength: Double
        var weights: [Double]
        var bias: [Double]
    }

    /// `LogisticRegression(C=1)` and `(C=10)` of scikit-learn, a label at a time.
    private static let references = [
        Reference(
            strength: 1,
            weights: [
                -0.67753, 0.79589, -0.13473, 0.44172, 0.42569, -0.2554, 0.06106, -0.61641, 0.18171, 0.0825, -0.17161,
                0.61483,
            ], bias: [-0.38011, -0.44387, -0.39122]),
        Reference(
            strength: 10,
            weights: [
                -2.32663, 3.31695, 0.79276, 1.51881, 1.38607, -0.51236, -0.75135, -2.54997, 1.38199, 0.07372, -0.47916,
                2.79182,
            ], bias: [-0.50377, -0.55174, -0.3928]),
    ]

    @Test(arguments: [0, 1]) func `regressions of labels are scikit-learn's`(number: Int) {
        let expected = Self.references[number]
        var regression = BinaryRegression(inverseRegularization: expected.strength)
        regression.gradientTolerance = 1e-6
        let found = regression.fit(Self.features, targets: Self.labels)
        #expect(near(found.weights, expected.weights, 1e-3), "\(found.weights)")
        #expect(near(found.bias, expected.bias, 1e-3), "\(found.bias)")
    }

    @Test func `regressions of numbers are scikit-learn's`() {
        let found = DenseRidge(regularization: 0.5).fit(Self.features, targets: Self.numbers)
        let weights = [1.76221, -2.6743, -3.68116, 2.47845, 3.70278, 1.87448, -6.60637, -2.92174]
        #expect(near(found.weights, weights, 1e-4), "\(found.weights)")
        #expect(near(found.bias, [2.43087, 109.59289], 1e-3), "\(found.bias)")
    }

    /// Texts whose numbers follow from their features, up to noise.
    private func texts(_ count: Int, noise: Double) -> (FeatureMatrix, ScoreMatrix) {
        var random = PhiloxStream(seed: 3, purpose: .shuffle)
        let values = (0..<(count * 6)).map { _ in Float(random.nextUnit() - 0.5) }
        var targets = ScoreMatrix(rows: count, classes: 2)
        for row in 0..<count {
            let own = values[(row * 6)..<((row + 1) * 6)].map { Double($0) }
            targets[row, 0] = 3 * own[0] - own[1] + noise * (random.nextUnit() - 0.5)
            targets[row, 1] = own[2] + own[3] + 5 + noise * (random.nextUnit() - 0.5)
        }
        return (FeatureMatrix(rows: count, width: 6, values: values), targets)
    }

    @Test func `the strength with the least held-out loss is chosen, whatever the threads`() throws {
        let (features, clean) = texts(40, noise: 0)
        let found = ValueProbe(.numbers, seed: 1).fit(features, targets: clean)
        #expect(found.candidates[found.chosen].name == "ridge regression, λ = 0.01")
        let team = ValueProbe(.numbers, seed: 1).fit(features, targets: clean, team: try ThreadTeam(count: 3))
        #expect(team.classifier == found.classifier && team.candidates == found.candidates)
        #expect(team.heldOut == found.heldOut && found.heldOut?.rows == 40)
        let (others, noisy) = texts(40, noise: 20)
        let drawn = ValueProbe(.numbers, seed: 1).fit(others, targets: noisy)
        #expect(["ridge regression, λ = 1", "ridge regression, λ = 10"].contains(drawn.candidates[drawn.chosen].name))
    }

    @Test func `labels that follow from features are found in held-out texts`() throws {
        let (features, numbers) = texts(60, noise: 0)
        var labels = numbers
        for row in 0..<60 {
            labels[row, 0] = numbers[row, 0] > 0 ? 1 : 0
            labels[row, 1] = numbers[row, 1] > 5 ? 1 : 0
        }
        let found = ValueProbe(.labels, seed: 1).fit(features, targets: labels)
        let held = try #require(found.heldOut)
        let right = zip(held.values, labels.values).count { ($0 > 0) == ($1 == 1) }
        #expect(Double(right) > 0.85 * 120, "\(right) of 120")
    }

    @Test func `a single text leaves nothing to compare`() {
        let one = FeatureMatrix(rows: 1, width: 2, values: [0.6, 0.8])
        var target = ScoreMatrix(rows: 1, classes: 1)
        target[0, 0] = 7
        let found = ValueProbe(.numbers, seed: 1).fit(one, targets: target)
        #expect(found.candidates.isEmpty && found.heldOut == nil)
        #expect(abs(found.classifier.scores(one)[0, 0] - 7) < 1e-5)
    }
}
