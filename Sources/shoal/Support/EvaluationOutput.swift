import Dashboard
import Foundation
import Inference
import Support
import Training

extension Evaluation {
    /// Examples a second, for people.
    var speed: String {
        "\(Format.plural(metrics.examples, "example")) in \(Format.duration(seconds)), "
            + "\(Format.rate(Double(metrics.examples) / seconds)) a second"
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
