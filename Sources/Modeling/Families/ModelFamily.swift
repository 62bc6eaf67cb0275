import Support

/// A family of models in Hugging Face's format: what its config.json means, and how it calls its tensors.
///
/// A family is one file, and one line in ``Families``. Families exist where model folders are read and written; a
/// worker computes by ``ModelSpecification`` and never hears of them.
public protocol ModelFamily: Sendable {
    /// The values of `model_type` in its config.json, each with what the names of its classes in `transformers` begin
    /// with. The first is that of a model that is made here.
    static var modelTypes: KeyValuePairs<String, String> { get }

    /// What config.json says of the encoder, with the defaults of `transformers` for what is not there.
    ///
    /// Entries that any model may have, such as the labels, are read elsewhere. An entry that would make this another
    /// model, and that is not understood, must be refused.
    ///
    /// - Throws: An error that names the file, the key and what was found.
    static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration
    /// Puts what ``read(_:)`` reads into the entries of a config.json.
    ///
    /// - Parameter entries: What the file held that the model was read from, or nothing.
    static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue])
    /// The head of a classifier of sequences, as `transformers` builds it for this family.
    static func classifier(_ configuration: FamilyConfiguration, labels: Int, problem: ProblemType) -> any Head

    /// The head of a classifier of words, as `transformers` builds it for this family.
    static func tokenClassifier(_ configuration: FamilyConfiguration, labels: Int) -> TokenClassification
    /// The head of a masked language model, as `transformers` builds it for this family; nil where it has none, or one
    /// that is not supported.
    static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel?

    /// The name under which a tensor is written. Tensors that adjoin in the layout, as those of query, key and value
    /// do, may have one name: then the file has them as one, row after row.
    static func tensorName(_ id: ParameterID) -> String
    /// Further names under which files have the tensor `name`, in the order in which they are tried.
    static func aliases(of name: String) -> [String]
    /// Whether a tensor of this name, which no parameter is read from, says nothing of the model.
    static func isIrrelevant(_ name: String) -> Bool
    /// Whether this is the name of a tensor of an encoder layer or of the head, though the model may not have that
    /// tensor; nil for other names.
    static func part(ofTensor name: String) -> TensorPart?
}

/// The parts of a model that can be distinguished by a family's names.
public enum TensorPart: Sendable, Equatable {
    /// The encoder's layers.
    case layers
    /// The head.
    case head
}

/// What a family reads from its entries of config.json.
public struct FamilyConfiguration: Sendable, Equatable {
    /// The encoder.
    public var encoder: EncoderArchitecture
    /// Dropout before the classifier; nil for the encoder's `hiddenDropout`.
    public var classifierDropout: Float?
    /// What stands before the classifier, where that is not the same for all models of the family; else nil.
    public var classifierShape: ClassifierShape?

    /// A configuration of these parts.
    public init(
        encoder: EncoderArchitecture, classifierDropout: Float? = nil, classifierShape: ClassifierShape? = nil
    ) {
        self.encoder = encoder
        self.classifierDropout = classifierDropout
        self.classifierShape = classifierShape
    }
}

extension ModelFamily {
    /// Dropout, and a linear classifier.
    public static func tokenClassifier(_ configuration: FamilyConfiguration, labels: Int) -> TokenClassification {
        TokenClassification(
            labels: labels, dropout: configuration.classifierDropout ?? configuration.encoder.hiddenDropout)
    }
    /// None.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? { nil }
    /// None.
    public static func aliases(of name: String) -> [String] { [] }
    /// None is.
    public static func isIrrelevant(_ name: String) -> Bool { false }

    /// The name under which a file has the tensor `id`; nil if it has none.
    static func storedName(_ id: ParameterID, in names: (String) -> Bool) -> String? {
        let name = tensorName(id)
        return ([name] + aliases(of: name)).first(where: names)
    }

    /// The tensors as the family's files have them: those that adjoin and have one name are one. The id is that of the
    /// first.
    ///
    /// - Parameter parameters: By offset.
    static func stored(_ parameters: some Sequence<Parameter>) -> [Parameter] {
        var result: [Parameter] = []
        for parameter in parameters {
            if let last = result.last, last.range.upperBound == parameter.offset,
                last.shape.dropFirst() == parameter.shape.dropFirst(),
                tensorName(last.id) == tensorName(parameter.id)
            {
                let shape = [last.shape[0] + parameter.shape[0]] + last.shape.dropFirst()
                result[result.count - 1] = Parameter(
                    id: last.id, shape: shape, offset: last.offset, hasWeightDecay: last.hasWeightDecay)
            } else {
                result.append(parameter)
            }
        }
        return result
    }

    /// Whether a file has the tensor together with others.
    static func isPacked(_ id: ParameterID) -> Bool {
        guard case .layer(let layer, let part, let affine) = id else { return false }
        let parts: [ParameterID.LayerPart] = [.query, .key, .value]
        return parts.contains(part)
            && parts.contains { $0 != part && tensorName(.layer(layer, $0, affine)) == tensorName(id) }
    }
}
