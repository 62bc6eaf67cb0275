import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has one class.
public struct Classification: PooledTask {
    /// See ``PooledTask``.
    public static var problem: ProblemType { .singleLabel }
    /// See ``Task``.
    public var name: String { "classification" }
    /// It has.
    public var hasOneClass: Bool { true }
    /// How a classifier on embeddings works, where the model is one.
    public var pooled: PooledClassifier?
    /// When a text is left without a class; nil for never.
    public var abstention: Abstention?

    /// The task.
    public init() {}

    /// One class for each example.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        ClassLabelReader(known: known)
    }

    /// At least two classes.
    public func checkTrainable(_ data: Dataset) throws(FileError) { try data.checkTrainable(minimumPerClass: 1) }

    /// A model whose classifier stands on embeddings goes on as such a one.
    public func configured(by configuration: ModelConfiguration) -> any Task { pooling(by: configuration) }

    /// The same with the embeddings of texts beside their logits, where the classifier stands on such.
    func appendingEmbeddings(_ configuration: ModelConfiguration) -> Classification {
        var task = self
        task.pooled?.appendedWidth = configuration.encoder.hidden
        return task
    }

    /// Cross-entropy, or the focal loss.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.classLoss(data)
    }

    /// The class.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        example.classNumber.map { .classIndex($0) } ?? .none
    }

    /// `{"label": …, "probabilities": {label: p, …}}`; the label of a text that is left without a class is null. Where
    /// the model says how far texts are from its classes, `"out_of_scope": s` comes last.
    public func predictions(labels: [String]) -> any PredictionFormat {
        Format(labels: labels.map { JSONWriter.bytes(of: $0) }, abstention: abstention)
    }

    private struct Format: PredictionFormat {
        let labels: [ArraySlice<UInt8>]
        let abstention: Abstention?

        func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
            prediction.values.withUnsafeBufferPointer { logits in
                json.raw("{\"label\": ")
                if abstention?.abstains(prediction) == true {
                    json.raw("null")
                } else {
                    json.raw(labels[CrossEntropy.prediction(logits)])
                }
                json.raw(", \"probabilities\": {")
                for (index, probability) in CrossEntropy.probabilities(logits).enumerated() {
                    if index > 0 { json.raw(", ") }
                    json.raw(labels[index])
                    json.raw(": ")
                    json.number(Float(probability))
                }
                json.raw("}")
                if let outOfScope = prediction.outOfScope {
                    json.raw(", \"out_of_scope\": ")
                    json.number(Float(outOfScope))
                }
                json.raw("}")
            }
        }
    }
}
