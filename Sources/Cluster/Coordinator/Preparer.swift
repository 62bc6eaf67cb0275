import Checkpoint
import Corpus
import Foundation
import Numerics
import Tokenization
import Training
import Transformer

/// Reads the data and the model, and settles what the run will be.
enum Preparer {
    /// What the coordinator works with.
    struct Prepared: Sendable {
        var preparation: Preparation
        /// The initial weights.
        var weights: FloatBuffer
        var configuration: BertConfiguration
        /// Worth a warning.
        var warnings: [String]
    }

    static func prepare(_ run: RunConfiguration) throws -> Prepared {
        let directory = try ModelDirectory(path: run.model)
        var model = directory.configuration
        guard run.maxLength <= model.maxPositions else {
            throw ConfigurationError.invalid(
                "max-length", value: "\(run.maxLength)", need: "at most the \(model.maxPositions) tokens of the model")
        }
        let tokenizer = try BertTokenizer(modelDirectory: run.model)
        guard tokenizer.vocabularySize <= model.vocabSize else {
            throw RunError.failed(
                "\(run.model): the tokenizer has \(tokenizer.vocabularySize) tokens, the model \(model.vocabSize)")
        }
        let columns = ColumnNames(text: run.textColumn, textPair: run.textPairColumn, label: run.labelColumn)
        var training = try DatasetReader.read(run.train, columns: columns, labels: nil)
        try training.checkTrainable()
        var warnings: [String] = []
        if let shots = run.shots {
            let (drawn, short) = training.shots(shots, seed: run.seed)
            training = drawn
            if !short.isEmpty {
                warnings.append(
                    "--shots \(shots): fewer examples, and all of them taken, of \(short.joined(separator: ", "))")
            }
        }
        let validation = try run.validation.map {
            try DatasetReader.read($0, columns: columns, labels: training.labels)
        }
        let test = try run.test.map { try DatasetReader.read($0, columns: columns, labels: training.labels) }
        model.labels = training.labels
        var prepared = try settle(
            run, directory, model,
            Sources(
                training: TokenizedDataset(training, tokenizer: tokenizer, maxLength: run.maxLength),
                validation: validation.map { TokenizedDataset($0, tokenizer: tokenizer, maxLength: run.maxLength) },
                test: test.map { TokenizedDataset($0, tokenizer: tokenizer, maxLength: run.maxLength) }))
        prepared.warnings = warnings
        return prepared
    }

    private struct Sources {
        var training: TokenizedDataset
        var validation: TokenizedDataset?
        var test: TokenizedDataset?
    }

    private static func settle(
        _ run: RunConfiguration, _ directory: ModelDirectory, _ model: BertConfiguration, _ sources: Sources
    ) throws -> Prepared {
        let count = sources.training.count
        try DataPlan.validate(sampleCount: count, batchSize: run.batchSize, microBatches: run.microBatches)
        guard run.workers <= count else {
            throw ConfigurationError.invalid(
                "workers", value: "\(run.workers)", need: "at most the \(count) examples of \(run.train)")
        }
        let layout = ParameterLayout(configuration: model)
        guard layout.count <= ControlLimits.maxWeightCount, model.labels.count <= ControlLimits.maxLogits / 2 else {
            throw RunError.failed("the model is too large: \(layout.count) floats, \(model.labels.count) classes")
        }
        let loaded = try WeightLoader.load(
            directory, layout: layout, newHead: .draw(seed: run.seed), labels: model.labels)
        let plan = DataPlan(
            sampleCount: count, batchSize: run.batchSize, microBatches: run.microBatches, seed: run.seed)
        let (perEpoch, overflow) = plan.stepsPerEpoch.multipliedReportingOverflow(by: run.epochs ?? 1)
        guard !overflow else {
            throw ConfigurationError.invalid("epochs", value: "\(run.epochs ?? 1)", need: "far fewer")
        }
        let totalSteps = run.steps ?? perEpoch
        let welcome = Welcome(
            modelConfiguration: String(decoding: try JSONEncoder().encode(model), as: UTF8.self),
            hyperparameters: String(decoding: try JSONEncoder().encode(run.hyperparameters), as: UTF8.self),
            seed: run.seed, weightCount: layout.count, weightsSHA256: digest(of: loaded.weights),
            heartbeatTimeout: run.heartbeatTimeout)
        let preparation = Preparation(
            welcome: welcome, labels: model.labels, parameters: layout.parameters.reduce(0) { $0 + $1.count },
            training: sources.training, validation: sources.validation, test: sources.test, plan: plan,
            totalSteps: totalSteps, schedule: LearningRateSchedule(run.scheduleSettings, totalSteps: totalSteps),
            // About 2,000 tokens, as many as a training micro-batch of the usual size has.
            stateParts: stateParts(run.hyperparameters.optimizer),
            evaluationBatch: max(1, min(16, 2048 / run.maxLength, ControlLimits.maxLogits / 2 / model.labels.count)))
        return Prepared(preparation: preparation, weights: loaded.weights, configuration: model, warnings: [])
    }

    /// What a checkpoint must hold.
    private static func stateParts(_ optimizer: OptimizerKind) -> [StatePart] {
        [.weights] + (optimizer.usesFirstMoment ? [.firstMoment] : [])
            + (optimizer.usesSecondMoment ? [.secondMoment] : [])
    }
}
