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
    let pipeline: TextPipeline

    /// Of the model of `pipeline`.
    public init(_ pipeline: TextPipeline) { self.pipeline = pipeline }

    /// Evaluates the model on the examples of `data`, whose labels must be those of the model.
    ///
    /// - Parameter abstention: For models that give each text one class: when a text would be left without one. What is
    ///   answered then, and how well, becomes two more metrics; the others stay those of all texts.
    /// - Throws: An error about a text that the model cannot take.
    public func evaluate(_ data: Dataset, abstention: Abstention? = nil) throws -> Evaluation {
        try pipeline.check(hasPairs: data.examples.contains { $0.pair != nil })
        let start = ContinuousClock.now
        let (model, width) = (pipeline.specification, pipeline.rowWidth)
        // Where the model's folder does not say what the data mean, they say it themselves.
        let task = try pipeline.task.fitted(to: data, options: TaskOptions(scoreRange: pipeline.task.scoreRange))
        var all = EvaluationPart(model.head)
        var selective = abstention.map { SelectiveAccuracy($0) }
        for first in stride(from: 0, to: data.examples.count, by: TextPipeline.window) {
            let examples = Array(data.examples[first..<min(first + TextPipeline.window, data.examples.count)])
            var (values, rowOffsets) = ([Float](), [0])
            var batch = PackedBatch()
            for found in try pipeline.outputs(examples) {
                selective?.add(found)
                let target = task.target(
                    of: found.example, encoding: found.encoding, outputs: width)
                guard target != .none else { continue }
                values += found.values
                rowOffsets.append(values.count / width)
                let rows = found.values.count / width
                guard rows > 0 else { continue }
                // Of targets of words there is one for each row, whatever windows they are in; else there is one for
                // each sequence, whatever its tokens are.
                let isOfWords = task.tagsWords
                let ids = isOfWords ? [Int32](repeating: 0, count: rows) : found.encoding.inputIDs
                for _ in 0..<(model.head.isPerToken ? 1 : rows) {
                    batch.append(
                        tokenIDs: ids, typeIDs: isOfWords ? ids : found.encoding.typeIDs, sampleKey: 0, target: target)
                }
            }
            guard batch.sequenceCount > 0 else { continue }
            try model.validate(batch.targets, sequences: batch.sequenceCount, tokens: batch.tokenCount)
            values.withUnsafeBufferPointer {
                guard let start = $0.baseAddress, let count = rowOffsets.last else { return }
                let rows = OutputRows(start, rows: count, width: width)
                all.add(EvaluatedBatch(rows, batch.targets, rowOffsets: rowOffsets), of: model)
            }
        }
        // What is evaluated does not choose it.
        all.use(threshold: pipeline.configuration.threshold ?? ModelConfiguration.standardThreshold)
        var metrics = all.report(labels: pipeline.labels + data.unknownLabels)
        metrics.values += selective?.values ?? []
        return Evaluation(
            metrics: metrics,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
