import Checkpoint
import Corpus
import Inference
import Modeling
import Support
import Tokenization

/// The model that a run begins with, or goes on from, and its tokenizer.
struct RunModel {
    let directory: ModelFolder
    let tokenizer: any Tokenizer
    /// Tokens of a text at most.
    let maxLength: Int
    /// Whether it is a checkpoint of this run.
    private let isCheckpoint: Bool

    /// Reads the folder: a checkpoint is a model folder like any other, and with it the model of the beginning need not
    /// be there any more.
    ///
    /// - Throws: An error that names the folder, or --max-length where the model has not that many positions.
    init(_ run: RunConfiguration, checkpoint: CheckpointFolder?) throws {
        let folder = checkpoint?.path ?? run.model
        isCheckpoint = checkpoint != nil
        directory = try ModelFolder(path: folder, requiresWeights: isCheckpoint || !run.fromScratch)
        guard directory.configuration.encoder.maxLength >= Self.leastLength else {
            throw FileError(
                directory.configurationPath,
                "max_position_embeddings leaves room for \(directory.configuration.encoder.maxLength) tokens, and a text "
                    + "has at least \(Self.leastLength) with those around it: make it larger")
        }
        maxLength = try Self.maxLength(run.maxLength, positions: directory.configuration.encoder.maxLength)
        tokenizer = try TokenizerFolder.load(directory.path)
        try ModelFit.check(tokenizer, directory)
        if !isCheckpoint { try directory.requireMerged() }
    }

    /// The adapter that a run trains, and the folder that it begins with where there is one.
    ///
    /// - Throws: An error that names the option, or the file of the adapter, that does not fit the model.
    func adapter(of run: RunConfiguration) throws -> (LowRankAdapter?, AdapterFolder?) {
        // A run that goes on has what it began with.
        if isCheckpoint { return (directory.configuration.adapter, nil) }
        if let path = run.adapter {
            let folder = try AdapterFolder(path: path, for: directory.configuration)
            return (folder.adapter, folder)
        }
        return (try run.lowRankAdapter(of: directory.family), nil)
    }

    /// Tokens of the shortest texts: one between two that begin and end it.
    private static let leastLength = 3

    /// The length that is asked for, or else the usual one, or what the model has.
    static func maxLength(_ given: Int?, positions: Int) throws(ConfigurationError) -> Int {
        let length = given ?? min(RunConfiguration.defaultMaxLength, positions)
        guard length <= positions else {
            throw .invalid("max-length", value: "\(length)", need: "at most the \(positions) tokens of the model")
        }
        return length
    }

    /// The model as it becomes with these data: with their classes.
    ///
    /// - Throws: ``RunError`` where the data are not for this model, or not those that the checkpoint was trained on.
    func configuration(for data: RunData, of run: RunConfiguration) throws -> ModelConfiguration {
        var model = directory.configuration
        let labels = data.training.labels
        try data.task.check(model, path: directory.configurationPath)
        let hasLabels = data.task.purpose.hasLabels
        if isCheckpoint, hasLabels, model.labels != labels {
            throw RunError.failed(
                "\(run.train) has the classes \(labels.joined(separator: ", ")), the checkpoint \(directory.path) "
                    + "\(model.labels.joined(separator: ", ")): a run cannot go on with other classes")
        }
        try ModelFit.check(
            tokenizer, model.encoder, path: directory.path,
            data: [data.training, data.validation, data.test].compactMap { $0 }, task: data.task)
        if hasLabels { model.labels = labels }
        model.purpose = data.task.purpose
        model.adapter = nil
        model.threshold = nil
        model.companionSHA256 = nil
        model.isTrainedOnPairs = data.training.columns?.textPair != nil
        data.task.configure(&model)
        return model
    }

    /// The parameters of `model`; throws an error if there are more than fit into messages.
    func layout(_ model: ModelSpecification) throws(RunError) -> ParameterLayout {
        let layout = ParameterLayout(model)
        guard layout.count <= ControlLimits.maxWeightCount,
            model.head.tiesWords || model.head.outputWidth <= ControlLimits.maxOutputWidth
        else {
            throw .failed("the model is too large: \(layout.count) floats, \(model.head.outputWidth) classes")
        }
        let bytes = model.head.metricBytes(maxLength: maxLength)
        guard bytes < ControlLimits.metricsText else {
            guard !model.head.isPerToken else {
                throw .failed(
                    "--max-length \(maxLength) is too long to evaluate \(model.head.outputWidth) tags: give at most "
                        + "\(ControlLimits.metricsText * maxLength / bytes - 1)")
            }
            throw .failed(
                "\(model.head.outputWidth) labels or numbers of each text are too many to evaluate: at most "
                    + "\(ControlLimits.metricsText * model.head.outputWidth / bytes)")
        }
        return layout
    }

    /// The examples as the model takes them.
    func tokenized(_ data: Dataset, _ task: any Task, outputs: Int, maxLength: Int) -> TokenizedDataset {
        TokenizedDataset(data, task, outputs: outputs, tokenizer: tokenizer, maxLength: maxLength)
    }
}
