import Foundation
import Testing

@testable import Training

private struct MetricsCase: Decodable {
    var classes: Int
    var truth: [Int]
    var predictions: [Int]
    var accuracy: Double
    var macroF1: Double
    var precision: [Double]
    var recall: [Double]
    var f1: [Double]
    var support: [Int]
    var confusion: [[Int]]
}

@Suite struct MetricsTests {
    func metrics(_ truth: [Int], _ predictions: [Int], classes: Int, lossSum: Double = 0) -> ClassificationMetrics {
        var confusion = ConfusionMatrix(classes: classes)
        for (t, p) in zip(truth, predictions) { confusion.add(truth: t, prediction: p) }
        return ClassificationMetrics(
            confusion: confusion, labels: (0..<classes).map { "class \($0)" }, lossSum: lossSum)
    }

    @Test func `equals scikit-learn`() throws {
        let cases: [MetricsCase] = try fixture("metrics.json")
        #expect(cases.count == 7)
        for test in cases {
            let got = metrics(test.truth, test.predictions, classes: test.classes)
            #expect(near(got.accuracy, test.accuracy, 1e-12))
            #expect(near(got.macroF1, test.macroF1, 1e-12), "\(got.macroF1) \(test.macroF1)")
            #expect(got.perClass.count == test.classes)
            for (i, row) in got.perClass.enumerated() {
                #expect(near(row.precision, test.precision[i], 1e-12))
                #expect(near(row.recall, test.recall[i], 1e-12))
                #expect(near(row.f1, test.f1[i], 1e-12))
                #expect(row.support == test.support[i])
            }
            #expect(got.confusion.rows == test.confusion)
        }
    }

    @Test func `parts of workers add up`() {
        var left = ConfusionMatrix(classes: 2)
        var right = ConfusionMatrix(classes: 2)
        left.add(truth: 0, prediction: 1)
        right.add(truth: 0, prediction: 1)
        right.add(truth: 1, prediction: 1)
        left.add(right)
        #expect(left.rows == [[0, 2], [0, 1]])
        #expect(left.total == 3)
    }

    @Test func `loss is the mean`() { #expect(metrics([0, 1], [0, 1], classes: 2, lossSum: 3).loss == 1.5) }

    @Test func `nothing to measure is zero, not NaN`() {
        let empty = metrics([], [], classes: 3)
        #expect(empty.accuracy == 0 && empty.macroF1 == 0 && empty.loss == 0 && empty.examples == 0)
    }

    @Test func `survives a file under the names of result JSON`() throws {
        let value = metrics([0, 1, 1], [0, 1, 0], classes: 2, lossSum: 1)
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(ClassificationMetrics.self, from: data) == value)
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.contains("\"macro_f1\"") && text.contains("\"accuracy\"") && text.contains("\"per_class\""))
    }
}
