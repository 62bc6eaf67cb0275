import Corpus
import Modeling
import Training

/// What a model achieves on a labelled data set, and how long it took to find out.
public struct Evaluation: Sendable {
    /// The metrics.
    public var metrics: ClassificationMetrics
    /// Seconds, tokenization included.
    public var seconds: Double

    /// An evaluation of these parts.
    public init(metrics: ClassificationMetrics, seconds: Double) {
        self.metrics = metrics
        self.seconds = seconds
    }
}

/// Runs a model over labelled data sets and counts.
public struct Evaluator {
    private let pipeline: TextPipeline

    /// Of the model of `pipeline`.
    public init(_ pipeline: TextPipeline) { self.pipeline = pipeline }

    /// Evaluates the model on the examples of `data`, whose labels must be those of the model.
    ///
    /// - Throws: An error about a text that the model cannot take.
    public func evaluate(_ data: Dataset) throws -> Evaluation {
        try pipeline.check(hasPairs: data.examples.contains { $0.pair != nil })
        let start = ContinuousClock.now
        var confusion = ConfusionMatrix(classes: pipeline.labels.count)
        var lossSum = 0.0
        for first in stride(from: 0, to: data.examples.count, by: TextPipeline.window) {
            let examples = data.examples[first..<min(first + TextPipeline.window, data.examples.count)]
            for (example, logits) in zip(examples, try pipeline.outputs(Array(examples))) {
                guard let label = example.label else { continue }
                logits.withUnsafeBufferPointer { logits in
                    confusion.add(truth: Int(label), prediction: CrossEntropy.prediction(logits))
                    lossSum += CrossEntropy.loss(logits, label: Int(label))
                }
            }
        }
        return Evaluation(
            metrics: ClassificationMetrics(confusion: confusion, labels: pipeline.labels, lossSum: lossSum),
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
