import Dashboard
import Foundation
import Inference
import Modeling
import Support

extension Evaluation {
    /// Examples a second, for people.
    var speed: String {
        "\(Format.plural(metrics.examples, "example")) in \(Format.duration(seconds)), "
            + "\(Format.rate(Double(metrics.examples) / seconds)) a second"
    }

    /// All of it as one JSON object; a number that is none is left out.
    func json() throws -> String { String(decoding: try StableJSON.line(Object(evaluation: self)), as: UTF8.self) }

    private struct Object: Encodable {
        var evaluation: Evaluation

        func encode(to encoder: any Encoder) throws {
            let metrics = evaluation.metrics
            var object = encoder.container(keyedBy: FreeKey.self)
            for metric in metrics.values + [Metric(.loss, metrics.loss)] where metric.value.isFinite {
                try object.encode(metric.value, forKey: FreeKey(metric.kind.key))
            }
            try object.encode(metrics.examples, forKey: FreeKey("examples"))
            try object.encode(
                Double(metrics.examples) / max(evaluation.seconds, 1e-9), forKey: FreeKey("examples_per_second"))
            switch metrics.details {
            case .classes(let perClass, let confusion):
                try object.encode(perClass.map(\.label), forKey: FreeKey("labels"))
                try object.encode(perClass, forKey: FreeKey("per_class"))
                try object.encode(confusion.rows, forKey: FreeKey("confusion_matrix"))
            case .labels(let perClass):
                try object.encode(perClass.map(\.label), forKey: FreeKey("labels"))
                try object.encode(perClass, forKey: FreeKey("per_class"))
            case nil: break
            }
        }
    }
}
