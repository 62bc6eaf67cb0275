import Foundation
import Testing

import Modeling

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
    private func counted(_ truth: [Int], _ predictions: [Int], classes: Int) -> ClassificationMetrics {
        var metrics = ClassificationMetrics(classes: classes)
        for (t, p) in zip(truth, predictions) { metrics.add(truth: t, prediction: p, confidence: 0.75) }
        return metrics
    }

    private func report(_ metrics: ClassificationMetrics, examples: Int) -> MetricReport {
        metrics.report(examples: examples, loss: 1.5, labels: (0..<metrics.classes).map { "class \($0)" })
    }

    @Test func `equals scikit-learn`() throws {
        let cases: [MetricsCase] = try fixture("metrics.json")
        #expect(cases.count == 7)
        for test in cases {
            let got = report(
                counted(test.truth, test.predictions, classes: test.classes), examples: test.truth.count)
            let keys = ["accuracy", "macro_f1", "mean_confidence", "expected_calibration_error"]
            #expect(got.values.map(\.kind.key) == keys && got.primary == got.values[0])
            #expect(near(got.values[2].value, test.truth.isEmpty ? 0 : 0.75, 1e-9))
            #expect(near(got.values[3].value, test.truth.isEmpty ? 0 : abs(0.75 - test.accuracy), 1e-9))
            #expect(near(got.values[0].value, test.accuracy, 1e-12))
            #expect(near(got.values[1].value, test.macroF1, 1e-12), "\(got.values) \(test.macroF1)")
            guard case .classes(let perClass, let confusion) = got.details else {
                Issue.record("no classes")
                continue
            }
            #expect(perClass.count == test.classes)
            for (i, row) in perClass.enumerated() {
                #expect(near(row.precision, test.precision[i], 1e-12))
                #expect(near(row.recall, test.recall[i], 1e-12))
                #expect(near(row.f1, test.f1[i], 1e-12))
                #expect(row.support == test.support[i])
            }
            #expect(confusion.rows == test.confusion)
        }
    }

    @Test func `nothing to measure is zero, not NaN`() {
        let empty = EvaluationPart(SequenceClassification(labels: 3, dropout: 0)).report(labels: ["a", "b", "c"])
        #expect(empty.values.map(\.value) == [0, 0, 0, 0] && empty.loss == 0 && empty.examples == 0)
    }
}
