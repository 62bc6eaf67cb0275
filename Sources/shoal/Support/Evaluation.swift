import Corpus
import Dashboard
import Foundation
import Support
import Training
import Modeling

/// Classifies a labelled data set and counts.
struct Evaluation {
    let metrics: ClassificationMetrics
    let seconds: Double

    /// Examples a second, for people.
    var speed: String {
        "\(Format.plural(metrics.examples, "example")) in \(Format.duration(seconds)), "
            + "\(Format.rate(Double(metrics.examples) / seconds)) a second"
    }

    static func run(_ classifier: TextClassifier, on data: Dataset) throws -> Evaluation {
        try classifier.check(hasPairs: data.examples.contains { $0.pair != nil })
        let start = ContinuousClock.now
        var confusion = ConfusionMatrix(classes: classifier.labels.count)
        var lossSum = 0.0
        for first in stride(from: 0, to: data.examples.count, by: TextClassifier.window) {
            let examples = data.examples[first..<min(first + TextClassifier.window, data.examples.count)]
            let rows = try classifier.logits(examples.map { InputText(text: $0.text, pair: $0.pair) })
            for (example, logits) in zip(examples, rows) {
                guard let label = example.label else { continue }
                logits.withUnsafeBufferPointer { logits in
                    confusion.add(truth: Int(label), prediction: CrossEntropy.prediction(logits))
                    lossSum += CrossEntropy.loss(logits, label: Int(label))
                }
            }
        }
        return Evaluation(
            metrics: ClassificationMetrics(confusion: confusion, labels: classifier.labels, lossSum: lossSum),
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    private struct Object: Encodable {
        var accuracy, macroF1, loss: Double?
        var examples: Int
        var examplesPerSecond: Double
        var labels: [String]
        var perClass: [ClassMetrics]
        var confusionMatrix: [[Int]]
    }

    /// All of it as one JSON object; a loss that is no number is left out.
    func json() throws -> String {
        let encoder = StableJSON.encoder([])
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let object = Object(
            accuracy: metrics.accuracy, macroF1: metrics.macroF1, loss: metrics.loss.isFinite ? metrics.loss : nil,
            examples: metrics.examples, examplesPerSecond: Double(metrics.examples) / max(seconds, 1e-9),
            labels: metrics.perClass.map(\.label), perClass: metrics.perClass,
            confusionMatrix: metrics.confusion.rows)
        return String(decoding: try encoder.encode(object), as: UTF8.self)
    }
}
