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
    /// The class names, in the order of their ids. Where ``labelsProblem`` is set they are placeholders. What is given
    /// labels becomes a classifier, unless ``purpose`` says of what kind.
    public var labels: [String] {
        didSet {
            labelsProblem = nil
            if !purpose.hasLabels { purpose = .classification }
        }
    }
    /// Why the file's labels cannot be used: no obstacle to a training, which replaces them.
    var labelsProblem: String?
    /// What the folder is for.
    public var purpose: ModelPurpose
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
        purpose = .classification
        entries = ["model_type": .string(family.modelTypes.first?.key ?? "")]
    }

    init(family: any ModelFamily.Type, _ model: FamilyConfiguration, entries: [String: JSONValue]) {
        self.family = family
        self.model = model
        self.entries = entries
        labels = []
        purpose = ModelPurpose(classSuffix: nil)
    }

    /// The encoder.
    public var encoder: EncoderArchitecture {
        get { model.encoder }
        set { model.encoder = newValue }
    }

    /// The adapter whose tensors are beside those of the model, not merged: in checkpoints alone. `transformers` passes
    /// over it, and over its tensors.
    public var adapter: LowRankAdapter?

    /// How texts become embeddings, in a folder of sentence-transformers; nil for other folders. It is written beside
    /// config.json where the model is one of embeddings.
    public var sentenceModules: SentenceModules?

    /// A classifier of sequences with its labels.
    public func classifier(objective: any Objective = CrossEntropy()) -> ModelSpecification {
        let head = classifierHead(.singleLabel)
        return ModelSpecification(
            encoder: encoder, head: head, objective: objective, adapter: adapter,
            trainable: adapter == nil ? .all : .besideAdapter(head))
    }

    /// The head of a classifier of sequences, as `transformers` builds it for the family.
    public func classifierHead(_ problem: ProblemType) -> any Head {
        family.classifier(model, labels: labels.count, problem: problem)
    }

    /// Makes sure that the file has usable labels, as inference needs.
    ///
    /// - Parameter path: The file, for the message.
    /// - Throws: An error that names the entry of config.json.
    public func requireLabels(path: String) throws(FileError) {
        if let labelsProblem { throw FileError(path, labelsProblem) }
        try requireThreshold(path: path)
        try requireScoreRange(path: path)
    }

    /// Whether a classifier in the folder's weights, if there is one for the head, belongs to ``labels``.
    public func hasLabels(for head: any Head) -> Bool {
        guard labelsProblem == nil else { return false }
        guard let found = purpose.classSuffix, Self.labelledClasses.contains(found) else { return true }
        return found == head.classSuffix
    }

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
            && a.purpose == b.purpose && a.adapter == b.adapter && a.entries == b.entries
    }
}
