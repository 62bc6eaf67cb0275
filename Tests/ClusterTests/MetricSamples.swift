import Modeling
import TestSupport

@testable import Cluster

/// A report of `right` right predictions of `examples`, over two classes.
func report(examples: Int, right: Int, loss: Double = 1) -> MetricReport {
    var metrics = ClassificationMetrics(classes: 2)
    for example in 0..<examples { metrics.add(truth: 0, prediction: example < right ? 0 : 1, confidence: 0.5) }
    return metrics.report(examples: examples, loss: loss, labels: ["a", "b"])
}

extension Samples {
    /// The model of the simulation's evaluations.
    static let model = ModelSpecification(
        encoder: ModelConfiguration.tiny().encoder, head: SequenceClassification(labels: 3, dropout: 0))

    /// What an evaluation finds of a batch if every example is taken for class 1, with this logit.
    static func evaluation(_ batch: PackedBatch, certainty: Float = 1) -> EvaluationPart {
        var part = EvaluationPart(model.head)
        let logits = (0..<batch.sequenceCount).flatMap { _ in [0, certainty, 0] as [Float] }
        logits.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            part.add(
                EvaluatedBatch(OutputRows(start, rows: batch.sequenceCount, width: 3), batch.targets), of: model)
        }
        return part
    }

    /// The part with this in the place of its losses.
    static func withoutLoss(_ part: EvaluationPart, _ loss: Double) -> EvaluationPart {
        EvaluationPart(losses: part.losses.map { _ in loss }, metrics: part.metrics)
    }
}
