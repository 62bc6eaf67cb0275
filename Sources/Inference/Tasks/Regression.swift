import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has a number, or several.
public struct Regression: Task {
    /// See ``Task``.
    public var name: String { "regression" }
    /// See ``Task``.
    public var purpose: ModelPurpose {
        ModelPurpose(classSuffix: ModelPurpose.sequenceClassification, problem: .regression)
    }
    /// It has none.
    public var hasOneClass: Bool { false }
    /// They may.
    public var separatesLabels: Bool { true }

    /// The task.
    public init() {}

    /// A number, or several with a separator or in a JSON array.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        ValueReader(known: known, separator: options.separator)
    }

    /// The classifier of the family, without classes.
    public func head(_ configuration: ModelConfiguration) -> any Head { configuration.classifierHead(.regression) }

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
