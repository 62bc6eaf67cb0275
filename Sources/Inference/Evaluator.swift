import Corpus
import Modeling

/// What a model achieves on a labelled data set, and how long it took to find out.
public struct Evaluation: Sendable {
    /// The metrics.
    public var metrics: MetricReport
    /// Seconds, tokenization included.
    public var seconds: Double

    /// An evaluation of these parts.
    public init(metrics: MetricReport, seconds: Double) {
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
        let model = pipeline.specification
        var all = EvaluationPart(model.head)
        for first in stride(from: 0, to: data.examples.count, by: TextPipeline.window) {
            let examples = Array(data.examples[first..<min(first + TextPipeline.window, data.examples.count)])
            let rows = try pipeline.outputs(examples)
            var outputs: [Float] = []
            var classes: [Int32] = []
            for (example, row) in zip(examples, rows) {
                guard let label = example.label else { continue }
                outputs += row
                classes.append(label)
            }
            guard !classes.isEmpty else { continue }
            try model.head.validate(.classes(classes))
            outputs.withUnsafeBufferPointer {
                guard let start = $0.baseAddress else { return }
                let rows = OutputRows(start, rows: classes.count, width: model.head.outputWidth)
                all.add(EvaluatedBatch(rows, .classes(classes)), of: model)
            }
        }
        return Evaluation(
            metrics: all.report(labels: pipeline.labels), seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
