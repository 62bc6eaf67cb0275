import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has any number of labels.
public struct MultiLabel: PooledTask {
    /// See ``PooledTask``.
    public static var problem: ProblemType { .multiLabel }
    /// See ``Task``.
    public var name: String { "multi-label" }
    /// It may have several, or none.
    public var hasOneClass: Bool { false }
    /// They may.
    public var separatesLabels: Bool { true }

    /// How labels come from embeddings, where they do.
    public var pooled: PooledClassifier?

    /// The probability from which on a text has a label.
    private let threshold: Double

    /// The task.
    public init(threshold: Double = ModelConfiguration.standardThreshold) { self.threshold = threshold }

    /// With the threshold that training has chosen.
    public func configured(by configuration: ModelConfiguration) -> any Task {
        var task = MultiLabel(threshold: configuration.threshold ?? ModelConfiguration.standardThreshold)
        task.pooled = pooled
        return task.pooling(by: configuration)
    }

    /// A JSON array, or names with a separator.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        LabelSetReader(known: known, separator: options.separator)
    }

    /// At least one label.
    public func checkTrainable(_ data: Dataset) throws(FileError) {
        guard !data.labels.isEmpty else {
            throw FileError(data.path, "no example has a label; there is nothing to learn")
        }
    }

    /// Binary cross-entropy of each label.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.refuseClassLoss(name, hasProbabilities: true)
        return options.regularized(BinaryCrossEntropy())
    }

    /// 1 for the labels that it has, 0 for the others.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        guard case .several(let numbers) = example.label else { return .none }
        var values = [Float](repeating: 0, count: outputs)
        for number in numbers where values.indices.contains(Int(number)) { values[Int(number)] = 1 }
        return .values(values)
    }

    /// `{"labels": […], "probabilities": {label: p, …}}`.
    public func predictions(labels: [String]) -> any PredictionFormat { Format(labels: labels, threshold: threshold) }

    private struct Format: PredictionFormat {
        let labels: [ArraySlice<UInt8>]
        let threshold: Double

        init(labels: [String], threshold: Double) {
            self.labels = labels.map { JSONWriter.bytes(of: $0) }
            self.threshold = threshold
        }

        func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
            json.raw("{\"labels\": [")
            var isFirst = true
            for (index, logit) in prediction.values.enumerated() where MultiLabelMetrics.isFound(logit, threshold) {
                if !isFirst { json.raw(", ") }
                isFirst = false
                json.raw(labels[index])
            }
            json.raw("], \"probabilities\": {")
            for (index, logit) in prediction.values.enumerated() {
                if index > 0 { json.raw(", ") }
                json.raw(labels[index])
                json.raw(": ")
                json.number(Float(BinaryCrossEntropy.probability(Double(logit))))
            }
            json.raw("}}")
        }
    }
}

/// An option that does not go with a task.
public struct TaskError: Error, CustomStringConvertible {
    /// What, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}
