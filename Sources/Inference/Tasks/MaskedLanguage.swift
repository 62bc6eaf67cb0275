import Corpus
import Modeling
import Support
import Tokenization

/// Masked words are to be guessed, in documents that are joined and cut into sequences of full length.
public struct MaskedLanguage: Task {
    /// What `--task` calls it.
    public static let name = "masked-lm"
    /// See ``Task``.
    public var name: String { Self.name }
    /// `ForMaskedLM`.
    public var purpose: ModelPurpose { ModelPurpose(classSuffix: MaskedLanguageModel.transformersClass) }
    /// It has none.
    public var hasOneClass: Bool { false }
    /// They are.
    public var packsDocuments: Bool { true }

    /// The task.
    public init() {}

    /// The family must have such a head, tied to the word embedding.
    public func check(_ configuration: ModelConfiguration, path: String) throws(FileError) {
        try configuration.requireMaskedLanguageModel(path: path)
    }

    /// Texts without labels.
    public func read(
        _ path: String, columns: ColumnNames, known: [String]?, options: TaskOptions
    ) throws(FileError) -> Dataset {
        try DatasetReader.read(path, options: .init(columns: columns, labels: nil))
    }

    /// Documents, packed.
    public func prepared(_ data: Dataset, _ preparation: Preparation) throws -> (any ExampleSource)? {
        let masker = try TokenMasker(
            preparation.tokenizer, probability: preparation.maskProbability, seed: preparation.seed,
            path: preparation.path)
        let packed = PackedDocuments(
            data.texts, tokenizer: preparation.tokenizer, length: preparation.maxLength, masker: masker,
            team: preparation.team)
        guard packed.count > 0 else { throw FileError(data.path, "there is no text in it; give a file of texts") }
        return packed
    }

    /// There are no labels.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader { NoLabels() }

    /// A decoder tied to the word embedding.
    public func head(_ configuration: ModelConfiguration) -> any Head { configuration.maskedLanguageHead }

    /// Cross-entropy over the vocabulary.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.refuseClassLoss(name)
        return VocabularyCrossEntropy()
    }

    /// Nothing: tokens are masked where sequences are packed.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target { .none }

    /// None are made of a text as a whole: see ``MaskFiller``.
    public func predictions(labels: [String]) -> any PredictionFormat { NoPredictions() }

    private struct NoPredictions: PredictionFormat {
        func append(_ prediction: TextOutputs, to json: inout JSONWriter) { json.raw("{}") }
    }
}
