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

    /// Whether the two texts of a pair are sequences of their own, and not one after the other in one.
    var encodesApart: Bool { get }

    /// Which scores stand for the cosines 0 and 1, where that is a question.
    var scoreRange: ScoreRange? { get }

    /// Whether its data are documents without labels, which are joined, cut into sequences and masked.
    var packsDocuments: Bool { get }
    /// Whether a label may be several, with a separator between them.
    var separatesLabels: Bool { get }
    /// Whether the words of a text have tags; texts are then cut into windows, and not cut off.
    var tagsWords: Bool { get }

    /// Throws where a model cannot be one for this task.
    ///
    /// - Parameter path: Its config.json, for the message.
    func check(_ configuration: ModelConfiguration, path: String) throws(FileError)
    /// Reads the examples of a file.
    ///
    /// - Parameters:
    ///   - known: The names of the model's outputs, or those of the training set; nil to take them from the file.
    ///   - options: How labels are written.
    /// - Throws: An error that names the file, the line, and what to do.
    func read(
        _ path: String, columns: ColumnNames, known: [String]?, options: TaskOptions
    ) throws(FileError) -> Dataset
    /// Reads texts without labels that only this task reads; nil for those that all tasks read.
    func texts(_ path: String, columns: ColumnNames) throws(FileError) -> [Example]?
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
    /// The head for as many outputs as the configuration has labels.
    func head(_ configuration: ModelConfiguration) -> any Head
    /// What the head learns by.
    ///
    /// - Parameter data: The training set, which may decide on weights.
    /// - Throws: An error that names an option that does not go with the task.
    func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective
    /// What is to be learnt of an example: of the rows of outputs that it has in all its ``TextInput``s, or of each of
    /// its sequences where the head compares several.
    ///
    /// - Parameters:
    ///   - encoding: The tokens of the first of its sequences.
    ///   - outputs: The outputs of the head.
    func target(of example: Example, encoding: Encoding, outputs: Int) -> Target
    /// Makes what the model computes of a text.
    ///
    /// - Parameter maxLength: Tokens of a sequence at most.
    func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput]
    /// What a text's outputs become before they are used, where it has several ``TextInput``s, or more is known of it
    /// than they say.
    func combined(_ outputs: TextOutputs) -> TextOutputs
    /// The examples of a data set, made before the run begins; nil where each is tokenized when it is needed.
    func prepared(_ data: Dataset, _ preparation: Preparation) throws -> (any ExampleSource)?
    /// The task as a model folder has it, with what else config.json says.
    func configured(by configuration: ModelConfiguration) -> any Task
    /// Writes predictions.
    func predictions(labels: [String]) -> any PredictionFormat
}

extension Task {
    /// They are not.
    public var packsDocuments: Bool { false }
    /// It may not.
    public var separatesLabels: Bool { false }
    /// They have none.
    public var tagsWords: Bool { false }

    /// By ``labelReader(known:options:)``.
    public func read(
        _ path: String, columns: ColumnNames, known: [String]?, options: TaskOptions
    ) throws(FileError) -> Dataset {
        try DatasetReader.read(
            path, options: .init(columns: columns, labels: labelReader(known: known, options: options)))
    }

    /// There are none.
    public func texts(_ path: String, columns: ColumnNames) throws(FileError) -> [Example]? { nil }

    /// One sequence, cut off where it is too long.
    public func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput] {
        { [TextInput(encoding: tokenizer.encode($0.text, pair: $0.pair, maxLength: maxLength))] }
    }

    /// They stay as they are.
    public func combined(_ outputs: TextOutputs) -> TextOutputs { outputs }

    /// Nothing is made before.
    public func prepared(_ data: Dataset, _ preparation: Preparation) throws -> (any ExampleSource)? { nil }

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
        let head = head(configuration)
        return ModelSpecification(
            encoder: configuration.encoder, head: head, objective: objective, adapter: configuration.adapter,
            trainable: configuration.adapter == nil ? .all : .besideAdapter(head))
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
    /// How much it counts that two passes with dropout agree; nil for one pass.
    public var rDrop: Double?
    /// What stands between several labels of a text; nil for the usual.
    public var labelSeparator: String?
    /// Whether tags that break their scheme are mended.
    public var repairsTags: Bool
    /// Which scores stand for the cosines 0 and 1; nil to see from the data.
    public var scoreRange: ScoreRange?

    /// These options.
    public init(
        labelSmoothing: Double = 0, classWeights: String? = nil, focalGamma: Double? = nil,
        rDrop: Double? = nil, labelSeparator: String? = nil, repairsTags: Bool = false, scoreRange: ScoreRange? = nil
    ) {
        self.labelSmoothing = labelSmoothing
        (self.classWeights, self.focalGamma, self.rDrop) = (classWeights, focalGamma, rDrop)
        self.labelSeparator = labelSeparator
        (self.repairsTags, self.scoreRange) = (repairsTags, scoreRange)
    }

    /// The separator as a character.
    var separator: Character { labelSeparator?.first ?? "," }
}

/// Writes the predictions of a task as JSON Lines.
public protocol PredictionFormat: Sendable {
    /// Appends the JSON object of one text, without a line break.
    func append(_ prediction: TextOutputs, to json: inout JSONWriter)
}

/// A sequence that the model computes of a text.
public struct TextInput: Sendable {
    /// Its tokens.
    public var encoding: Encoding
    /// Marks the tokens whose outputs are asked for, where a head reads target tokens; with any number.
    public var target: Target

    /// An input of these parts.
    public init(encoding: Encoding, target: Target = .none) {
        self.encoding = encoding
        self.target = target
    }
}

/// A head's outputs for one text.
public struct TextOutputs: Sendable {
    /// The text.
    public var example: Example
    /// The tokens of its first sequence; none where it has no sequence.
    public var encoding: Encoding
    /// (rows, width), row-major: one row, or one for each token that the head reads, all its sequences end to end.
    public var values: [Float]
    /// The text's embedding, where the model has it and was asked for it; nil elsewhere.
    public var embedding: [Float]?
    /// How far the text is from what the model has learnt, see `OutOfScopeScore`; nil where the model does not say.
    public var outOfScope: Double?

    /// Outputs of these parts.
    public init(example: Example, encoding: Encoding, values: [Float]) {
        self.example = example
        self.encoding = encoding
        self.values = values
    }
}
