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
    /// Throws unless there is something to learn.
    func checkTrainable(_ data: Dataset) throws(FileError)
    /// The head for as many outputs as the configuration has labels.
    func head(_ configuration: ModelConfiguration) -> any Head
    /// What the head learns by.
    ///
    /// - Parameter data: The training set, which may decide on weights.
    /// - Throws: An error that names an option that does not go with the task.
    func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective
    /// What is to be learnt of an example.
    ///
    /// - Parameters:
    ///   - encoding: Its tokens.
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

    /// These options.
    public init(
        labelSmoothing: Double = 0, classWeights: String? = nil, focalGamma: Double? = nil,
        labelSeparator: String? = nil
    ) {
        self.labelSmoothing = labelSmoothing
        (self.classWeights, self.focalGamma) = (classWeights, focalGamma)
        self.labelSeparator = labelSeparator
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
    /// Its tokens.
    public var encoding: Encoding
    /// (rows, width), row-major: one row, or one for each token.
    public var values: [Float]

    /// Outputs of these parts.
    public init(example: Example, encoding: Encoding, values: [Float]) {
        self.example = example
        self.encoding = encoding
        self.values = values
    }
}
