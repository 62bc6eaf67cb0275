import FewShot
import Foundation
import Testing

struct LinearMethodTests {
    private let reference = Reference.shared

    private func fit(_ c: Double, weights: [Double]? = nil, prior: [Float]? = nil) -> LinearClassifier {
        var regression = LogisticRegression(inverseRegularization: c)
        regression.gradientTolerance = 1e-7
        return regression.fit(
            reference.matrix, labels: reference.labels, classes: reference.classes, weights: weights, priorMean: prior)
    }

    private func expect(_ found: LinearClassifier, _ expected: Reference.Regression) {
        #expect(difference(found.weights.map(Double.init), expected.coefficients) < 1e-3)
        #expect(difference(centred(found.bias), expected.intercept) < 1e-3)
    }

    @Test(arguments: [0, 1])
    func `logistic regression is that of scikit-learn`(number: Int) {
        let expected = reference.regressions[number]
        expect(fit(expected.c), expected)
    }

    @Test func `examples with weights count for as much as in scikit-learn`() {
        expect(fit(reference.weighted.c, weights: reference.weights), reference.weighted)
    }

    @Test func `weights are drawn to the mean of the prior`() throws {
        let mean = try #require(reference.prior.mean)
        expect(fit(reference.prior.c, prior: mean.map { Float($0) }), reference.prior)
    }

    @Test func `an example that counts twice is one that comes twice`() {
        let regression = LogisticRegression(inverseRegularization: 3)
        let twice = reference.matrix.appending(reference.matrix.selecting([4]))
        let one = regression.fit(twice, labels: reference.labels + [reference.labels[4]], classes: 3)
        var weights = [Double](repeating: 1, count: reference.rows)
        weights[4] = 2
        let other = regression.fit(reference.matrix, labels: reference.labels, classes: 3, weights: weights)
        #expect(difference(one.weights.map(Double.init), other.weights.map(Double.init)) < 1e-3)
    }

    @Test func `shrunk discriminant analysis is that of Ledoit and Wolf's covariance`() {
        let found = ShrunkDiscriminant.fit(reference.matrix, labels: reference.labels, classes: reference.classes)
        #expect(difference(found.weights.map(Double.init), reference.discriminant.coefficients) < 1e-3)
        #expect(difference(found.bias.map(Double.init), reference.discriminant.bias) < 1e-3)
    }

    @Test func `class centres score by the cosine to the mean`() {
        let features = FeatureMatrix(rows: 3, width: 2, values: [1, 0, 0.6, 0.8, 0, 1])
        let found = ClassCentres.fit(features, labels: [0, 0, 1], classes: 2, scale: 1)
        let length = Float((1.6 * 1.6 + 0.8 * 0.8).squareRoot())
        #expect(difference(found.weights.map(Double.init), [1.6 / length, 0.8 / length, 0, 1].map(Double.init)) < 1e-6)
        #expect(found.scores(features).best() == [0, 0, 1])
    }

    @Test func `a class without examples has no centre`() {
        let features = FeatureMatrix(rows: 1, width: 2, values: [1, 0])
        #expect(ClassCentres.fit(features, labels: [0], classes: 2, scale: 1).weights == [1, 0, 0, 0])
    }

    @Test func `separable classes end with finite weights`() {
        let features = FeatureMatrix(rows: 4, width: 1, values: [-2, -1, 1, 2])
        let found = LogisticRegression(inverseRegularization: 1e6).fit(features, labels: [0, 0, 1, 1], classes: 2)
        #expect(found.weights.allSatisfy(\.isFinite) && found.scores(features).best() == [0, 0, 1, 1])
    }
}
