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

    private struct NoLabels: LabelReader {
        mutating func read(_ label: RawLabel?, line: Int, path: String) throws(FileError) -> ExampleLabel { .none }
        func finish(_ labels: [ExampleLabel]) -> (names: [String], labels: [ExampleLabel]) { ([], labels) }
    }

    private struct NoPredictions: PredictionFormat {
        func append(_ prediction: TextOutputs, to json: inout JSONWriter) { json.raw("{}") }
    }
}
