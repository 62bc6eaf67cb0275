import Foundation
import Support

/// The `config.json` of a model of any family, with the meanings and defaults that `transformers` gives it.
///
/// Entries that mean nothing here are kept and written back, except those that describe the old model's task or files.
public struct ModelConfiguration: Sendable {
    /// Whose names and entries it has.
    public let family: any ModelFamily.Type
    /// What the family has read.
    public var model: FamilyConfiguration
    /// The class names, in the order of their ids. Where ``labelsProblem`` is set they are placeholders.
    public var labels: [String] { didSet { labelsProblem = nil } }
    /// Why the file's labels cannot be used: no obstacle to a training, which replaces them.
    var labelsProblem: String?
    /// Whether the file says that the model is of another kind than a text classifier (`architectures`), and of which.
    var otherArchitecture: String?
    /// The file's entries, those of the family among them, to be written back.
    var entries: [String: JSONValue]

    /// A configuration that no file has.
    public init(
        family: any ModelFamily.Type, encoder: EncoderArchitecture, classifierDropout: Float? = nil,
        labels: [String] = ["LABEL_0", "LABEL_1"]
    ) {
        self.family = family
        model = FamilyConfiguration(encoder: encoder, classifierDropout: classifierDropout)
        self.labels = labels
        entries = ["model_type": .string(family.modelTypes.first?.key ?? "")]
    }

    init(family: any ModelFamily.Type, _ model: FamilyConfiguration, entries: [String: JSONValue]) {
        self.family = family
        self.model = model
        self.entries = entries
        labels = []
    }

    /// The encoder.
    public var encoder: EncoderArchitecture {
        get { model.encoder }
        set { model.encoder = newValue }
    }

    /// The adapter whose tensors are beside those of the model, not merged: in checkpoints alone. `transformers` passes
    /// over it, and over its tensors.
    public var adapter: LowRankAdapter?

    /// A classifier of sequences with its labels.
    public func classifier(objective: any Objective = CrossEntropy()) -> ModelSpecification {
        ModelSpecification(
            encoder: encoder, head: family.classifier(model, labels: labels.count), objective: objective,
            adapter: adapter, trainable: adapter == nil ? .all : .only([.head]))
    }

    /// Makes sure that the file describes a classifier of single texts or pairs with usable labels, as inference needs.
    ///
    /// - Parameter path: The file, for the message.
    /// - Throws: An error that names the entry of config.json.
    public func requireClassifier(path: String) throws(FileError) {
        if let labelsProblem { throw FileError(path, labelsProblem) }
        if let otherArchitecture {
            throw FileError(
                path,
                "architectures is \(quoted(otherArchitecture)), which is no text classifier: train it first")
        }
    }

    /// Whether a classifier in the folder's weights belongs to ``labels``.
    public var hasLabelledClassifier: Bool { labelsProblem == nil && otherArchitecture == nil }

    /// The key of config.json that says whether a model was trained on pairs of texts; `transformers` passes over it.
    private static let pairsKey = "shoal_text_pairs"

    /// Whether the classifier was trained on pairs of texts; nil where that is not known, as for models of other
    /// programs.
    public var isTrainedOnPairs: Bool? {
        get { entries[Self.pairsKey]?.bool }
        set { entries[Self.pairsKey] = newValue.map { .bool($0) } }
    }
}

extension ModelConfiguration: Equatable {
    /// Whether they are of one family and say the same.
    public static func == (a: ModelConfiguration, b: ModelConfiguration) -> Bool {
        a.family == b.family && a.model == b.model && a.labels == b.labels && a.labelsProblem == b.labelsProblem
            && a.otherArchitecture == b.otherArchitecture && a.adapter == b.adapter && a.entries == b.entries
    }
}
