import Corpus
import Modeling
import Support
import Tokenization

/// Each text, or pair, has one class.
public struct Classification: Task {
    /// See ``Task``.
    public var name: String { "classification" }
    /// See ``Task``.
    public var purpose: ModelPurpose { pooled == nil ? .classification : .pooledClassification }
    /// It has.
    public var hasOneClass: Bool { true }
    /// How a classifier on embeddings works, where the model is one.
    public var pooled: PooledClassifier?
    /// When a text is left without a class; nil for never.
    public var abstention: Abstention?

    /// The task.
    public init() {}

    /// The same with what the folder of a classifier on embeddings says beside its weights.
    ///
    /// - Throws: An error that names the file that cannot be read.
    func reading(_ folder: ModelFolder) throws(FileError) -> Classification {
        guard pooled != nil else { return self }
        var task = self
        task.pooled = try PooledClassifier(folder)
        return task
    }

    /// One class for each example.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader {
        ClassLabelReader(known: known)
    }

    /// At least two classes.
    public func checkTrainable(_ data: Dataset) throws(FileError) { try data.checkTrainable(minimumPerClass: 1) }

    /// A model whose classifier stands on embeddings goes on as such a one.
    public func configured(by configuration: ModelConfiguration) -> any Task {
        guard configuration.purpose.isPooled else { return self }
        var task = self
        task.pooled = PooledClassifier(classes: configuration.labels.count)
        return task
    }

    /// How embeddings are made, where the classifier stands on them: as the folder says, else the mean over the
    /// tokens, of length 1.
    public func configure(_ configuration: inout ModelConfiguration) {
        guard pooled != nil else { return }
        var modules = configuration.sentenceModules ?? SentenceModules()
        (modules.pooling, modules.normalizes) = (modules.pooling ?? .mean, true)
        configuration.sentenceModules = modules
    }

    /// As `transformers` builds it for the family; or on the embedding, where the model has that.
    public func head(_ configuration: ModelConfiguration) -> any Head {
        guard let pooled else { return configuration.classifierHead(.singleLabel) }
        var head = PooledClassification(configuration)
        head.appendedWidth = pooled.appendedWidth
        return head
    }

    /// The same with the embeddings of texts beside their logits, where the classifier stands on such.
    func appendingEmbeddings(_ configuration: ModelConfiguration) -> Classification {
        var task = self
        task.pooled?.appendedWidth = configuration.encoder.hidden
        return task
    }

    /// One sequence; or windows of a long text, where the model was made of such.
    public func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput] {
        let windows = TextWindows(tokenizer, maxLength: maxLength, most: pooled?.windows ?? 1)
        return { windows.encodings($0.text, pair: $0.pair).map { TextInput(encoding: $0) } }
    }

    /// The logits of the whole text.
    public func combined(_ outputs: TextOutputs) -> TextOutputs { pooled?.combined(outputs) ?? outputs }

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
