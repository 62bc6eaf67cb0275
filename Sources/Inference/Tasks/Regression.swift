import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has a number, or several.
public struct Regression: PooledTask {
    /// See ``PooledTask``.
    public static var problem: ProblemType { .regression }
    /// See ``Task``.
    public var name: String { "regression" }
    /// It has none.
    public var hasOneClass: Bool { false }
    /// They may.
    public var separatesLabels: Bool { true }

    /// How numbers come from embeddings, where they do.
    public var pooled: PooledClassifier?

    /// The task.
    public init() {}

    /// A model whose numbers stand on embeddings goes on as such a one.
    public func configured(by configuration: ModelConfiguration) -> any Task { pooling(by: configuration) }

    /// A number, or several with a separator or in a JSON array.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        ValueReader(known: known, separator: options.separator)
    }

    /// The mean squared error.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.refuseClassLoss(name)
        return MeanSquaredError()
    }

    /// The numbers.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        guard case .values(let values) = example.label else { return .none }
        return .values(values)
    }

    /// `{"value": 3.2}`, with the names of the numbers.
    public func predictions(labels: [String]) -> any PredictionFormat { Format(labels: labels) }

    private struct Format: PredictionFormat {
        let labels: [ArraySlice<UInt8>]

        init(labels: [String]) { self.labels = labels.map { JSONWriter.bytes(of: $0) } }

        func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
            json.raw("{")
            for (index, value) in prediction.values.enumerated() {
                if index > 0 { json.raw(", ") }
                json.raw(labels[index])
                json.raw(": ")
                json.number(value)
            }
            json.raw("}")
        }
    }
}
