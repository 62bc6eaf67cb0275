import Corpus
import Modeling
import Support
import Tokenization

/// What a model is trained for: how the labels of a data file are read, what stands on the encoder, what it learns by,
/// and how its outputs are shown.
///
/// A task is one file, and one line in ``Tasks``.
public protocol Task: Sendable {
    /// What `--task` calls it.
    var name: String { get }
    /// What config.json says of a model that is trained for it.
    var purpose: ModelPurpose { get }
    /// Whether each example has exactly one of several classes: then classes can be counted, drawn from and left out.
    var hasOneClass: Bool { get }

    /// Whether what stands in a field of labels is cut at a separator.
    var separatesLabels: Bool { get }

    /// Whether the two texts of a pair are sequences of their own, and not one after the other in one.
    var encodesApart: Bool { get }

    /// Which scores stand for the cosines 0 and 1, where that is a question.
    var scoreRange: ScoreRange? { get }

    /// Whether its data are documents without labels, which are joined, cut into sequences and masked.
    var packsDocuments: Bool { get }

    /// Throws where a model cannot be one for this task.
    ///
    /// - Parameter path: Its config.json, for the message.
    func check(_ configuration: ModelConfiguration, path: String) throws(FileError)
    /// Reads the labels of a file.
    ///
    /// - Parameters:
    ///   - known: The names of the model's outputs, or those of the training set; nil to take them from the file.
    ///   - options: How labels are written.
    func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader
    /// Why an example cannot be used, and what to do; nil where it can.
    func problem(of example: Example) -> String?
    /// Throws unless there is something to learn.
    func checkTrainable(_ data: Dataset) throws(FileError)
    /// The task with what a training set, or the data of an evaluation, and the options decide on.
    func fitted(to data: Dataset, options: TaskOptions) throws -> any Task
    /// Writes what the task has of its own into the configuration of a model that is trained for it.
    func configure(_ configuration: inout ModelConfiguration)
    /// The sequences of tokens of an example, as many as the head has for each.
    func encodings(of example: Example, by tokenizer: any Tokenizer, maxLength: Int) -> [Encoding]
    /// The head for as many outputs as the configuration has labels.
    func head(_ configuration: ModelConfiguration) -> any Head
    /// What the head learns by.
    ///
    /// - Parameter data: The training set, which may decide on weights.
    /// - Throws: An error that names an option that does not go with the task.
    func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective
    /// What is to be learnt of an example, or of each of its sequences.
    ///
    /// - Parameters:
    ///   - encoding: The tokens of the first of its sequences.
    ///   - outputs: The outputs of the head.
    func target(of example: Example, encoding: Encoding, outputs: Int) -> Target
    /// The task as a model folder has it, with what else config.json says.
    func configured(by configuration: ModelConfiguration) -> any Task
    /// Writes predictions.
    func predictions(labels: [String]) -> any PredictionFormat
}

extension Task {
    /// They are not.
    public var packsDocuments: Bool { false }

    /// It is, where examples have labels of which there may be several.
    public var separatesLabels: Bool { !hasOneClass && !packsDocuments }

    /// They are not.
    public var encodesApart: Bool { false }

    /// It is none.
    public var scoreRange: ScoreRange? { nil }

    /// All can.
    public func problem(of example: Example) -> String? { nil }

    /// They decide on nothing.
    public func fitted(to data: Dataset, options: TaskOptions) throws -> any Task { self }

    /// It has nothing.
    public func configure(_ configuration: inout ModelConfiguration) {}

    /// One, of the text or the pair.
    public func encodings(of example: Example, by tokenizer: any Tokenizer, maxLength: Int) -> [Encoding] {
        [tokenizer.encode(example.text, pair: example.pair, maxLength: maxLength)]
    }

    /// Throws an error about the first example that cannot be used.
    ///
    /// - Parameter path: The file, or the model, for the message.
    public func check(_ examples: some Sequence<Example>, path: String) throws(FileError) {
        for example in examples {
            if let problem = problem(of: example) { throw FileError(path, problem) }
        }
    }

    /// Every model can.
    public func check(_ configuration: ModelConfiguration, path: String) throws(FileError) {}

    /// Nothing is asked for.
    public func checkTrainable(_ data: Dataset) throws(FileError) {}

    /// There is nothing else.
    public func configured(by configuration: ModelConfiguration) -> any Task { self }

    /// A model of this task; that of a checkpoint of a run with an adapter has the adapter's tensors beside its own.
    public func specification(
        _ configuration: ModelConfiguration, objective: any Objective
    ) -> ModelSpecification {
        ModelSpecification(
            encoder: configuration.encoder, head: head(configuration), objective: objective,
            adapter: configuration.adapter, trainable: configuration.adapter == nil ? .all : .only([.head]))
    }
}

/// What a run's options say of its task.
public struct TaskOptions: Sendable, Equatable {
    /// The share of a target that is spread over all classes.
    public var labelSmoothing: Double
    /// How much each class counts: ``balanced``, or a file; nil for all alike.
    public var classWeights: String?
    /// The exponent of the focal loss; nil for cross-entropy.
    public var focalGamma: Double?
    /// What stands between several labels of a text; nil for the usual.
    public var labelSeparator: String?
    /// Which scores stand for the cosines 0 and 1; nil to see from the data.
    public var scoreRange: ScoreRange?

    /// These options.
    public init(
        labelSmoothing: Double = 0, classWeights: String? = nil, focalGamma: Double? = nil,
        labelSeparator: String? = nil, scoreRange: ScoreRange? = nil
    ) {
        self.labelSmoothing = labelSmoothing
        (self.classWeights, self.focalGamma) = (classWeights, focalGamma)
        self.labelSeparator = labelSeparator
        self.scoreRange = scoreRange
    }

    /// The separator as a character.
    var separator: Character { labelSeparator?.first ?? "," }
}

/// Writes the predictions of a task as JSON Lines.
public protocol PredictionFormat: Sendable {
    /// Appends the JSON object of one text, without a line break.
    func append(_ prediction: TextOutputs, to json: inout JSONWriter)
}

/// A head's outputs for one text.
public struct TextOutputs: Sendable {
    /// The text.
    public var example: Example
    /// The tokens of its sequences.
    public var encodings: [Encoding]
    /// (rows, width), row-major: one row for each sequence, or one for each token.
    public var values: [Float]

    /// Outputs of these parts.
    public init(example: Example, encodings: [Encoding], values: [Float]) {
        self.example = example
        self.encodings = encodings
        self.values = values
    }
}
