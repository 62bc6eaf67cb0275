import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has one class.
public struct Classification: Task {
    /// See ``Task``.
    public var name: String { "classification" }
    /// See ``Task``.
    public var purpose: ModelPurpose { .classification }
    /// It has.
    public var hasOneClass: Bool { true }

    /// The task.
    public init() {}

    /// One class for each example.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        ClassLabelReader(known: known)
    }

    /// At least two classes.
    public func checkTrainable(_ data: Dataset) throws(FileError) { try data.checkTrainable(minimumPerClass: 1) }

    /// As `transformers` builds it for the family.
    public func head(_ configuration: ModelConfiguration) -> any Head { configuration.classifierHead(.singleLabel) }

    /// Cross-entropy, or the focal loss.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.classLoss(data)
    }

    /// The class.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        example.classNumber.map { .classIndex($0) } ?? .none
    }

    /// `{"label": …, "probabilities": {label: p, …}}`.
    public func predictions(labels: [String]) -> any PredictionFormat { Format(labels: labels) }

    private struct Format: PredictionFormat {
        let labels: [ArraySlice<UInt8>]

        init(labels: [String]) { self.labels = labels.map { JSONWriter.bytes(of: $0) } }

        func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
            prediction.values.withUnsafeBufferPointer { logits in
                json.raw("{\"label\": ")
                json.raw(labels[CrossEntropy.prediction(logits)])
                json.raw(", \"probabilities\": {")
                for (index, probability) in CrossEntropy.probabilities(logits).enumerated() {
                    if index > 0 { json.raw(", ") }
                    json.raw(labels[index])
                    json.raw(": ")
                    json.number(Float(probability))
                }
                json.raw("}}")
            }
        }
    }
}
