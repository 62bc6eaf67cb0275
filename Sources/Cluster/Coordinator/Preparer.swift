import Checkpoint
import Corpus
import Foundation
import Numerics
import Support
import Tokenization
import Training
import Transformer

/// Reads the data and the model, and settles what the run will be.
enum Preparer {
    /// What the coordinator works with.
    struct Prepared: Sendable {
        var preparation: Preparation
        /// The state to begin with.
        var state: LoadedState
        var configuration: BertConfiguration
        /// Tokens of a text at most.
        var maxLength: Int
        /// By which the run knows its data and its model again.
        var fingerprint: [String: String]
        /// Worth a warning.
        var warnings: [String]
        /// Worth a line: what was read, chosen or left out.
        var notices: [String] = []
        /// What is done, with what the data decided on.
        var run: RunConfiguration
    }

    /// - Parameters:
    ///   - run: What to do.
    ///   - resumption: What is there of it already; nil for a new run.
    ///   - runID: Names the run.
    static func prepare(_ run: RunConfiguration, resuming resumption: Resumption?, runID: String) throws -> Prepared {
        let fingerprint = try Fingerprint.take(run)
        try resumption?.check(fingerprint)
        // A checkpoint is a model folder like any other: with it, the model of the beginning need not be there any
        // more.
        let folder = resumption?.checkpoint?.path ?? run.model
        let directory = try ModelDirectory(path: folder)
        var model = directory.configuration
        let maxLength = run.maxLength ?? min(RunConfiguration.defaultMaxLength, model.maxPositions)
        guard maxLength <= model.maxPositions else {
            throw ConfigurationError.invalid(
                "max-length", value: "\(maxLength)", need: "at most the \(model.maxPositions) tokens of the model")
        }
        let tokenizer = try BertTokenizer(modelDirectory: folder)
        try ModelFit.check(tokenizer, directory)
        var data = try RunData(run)
        var run = run
        data.review(run, tokenizer: tokenizer, maxLength: maxLength)
        if let line = TrainingDefaults.apply(to: &run, examples: data.training.examples.count) {
            data.notices.append(line)
        }
        let (training, validation, test) = (data.training, data.validation, data.test)
        var warnings = (resumption?.warnings ?? []) + data.warnings
        if run.wire == .bf16 {
            warnings.append(
                "with --wire bf16 the weights depend on the number of workers and on how the work was dealt to them")
        }
        if resumption?.checkpoint != nil, model.labels != training.labels {
            throw RunError.failed(
                "\(run.train) has the classes \(training.labels.joined(separator: ", ")), the checkpoint \(folder) "
                    + "\(model.labels.joined(separator: ", ")): a run cannot go on with other classes")
        }
        try ModelFit.check(tokenizer, model, path: folder, data: [training, validation, test].compactMap { $0 })
        model.labels = training.labels
        model.isTrainedOnPairs = training.columns?.textPair != nil
        var prepared = try settle(
            run, directory, model, resumption,
            Sources(
                training: TokenizedDataset(training, tokenizer: tokenizer, maxLength: maxLength),
                validation: validation.map { TokenizedDataset($0, tokenizer: tokenizer, maxLength: maxLength) },
                test: test.map { TokenizedDataset($0, tokenizer: tokenizer, maxLength: maxLength) },
                maxLength: maxLength),
            runID: runID)
        prepared.warnings = warnings + prepared.warnings
        prepared.notices = data.notices + prepared.notices
        prepared.fingerprint = fingerprint
        return prepared
    }

    private struct Sources {
        var training: TokenizedDataset
        var validation: TokenizedDataset?
        var test: TokenizedDataset?
        var maxLength: Int
    }

    private static func settle(
        _ run: RunConfiguration, _ directory: ModelDirectory, _ model: BertConfiguration, _ resumption: Resumption?,
        _ sources: Sources, runID: String
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
        let plan = DataPlan(
            sampleCount: count, batchSize: run.batchSize, microBatches: run.microBatches, seed: run.seed)
        let (perEpoch, overflow) = plan.stepsPerEpoch.multipliedReportingOverflow(by: run.epochs ?? 1)
        guard !overflow else {
            throw ConfigurationError.invalid("epochs", value: "\(run.epochs ?? 1)", need: "far fewer")
        }
        let totalSteps = run.steps ?? perEpoch
        let parts = stateParts(run.hyperparameters.optimizer)
        let state: LoadedState
        var notices: [String] = []
        if let checkpoint = resumption?.checkpoint {
            state = try LoadedState(checkpoint, layout: layout, parts: parts)
        } else {
            let loaded = try WeightLoader.load(
                directory, layout: layout, newHead: .draw(seed: run.seed), labels: model.labels)
            state = LoadedState(weights: loaded.weights)
            notices = loaded.notices(labels: model.labels, of: directory)
        }
        guard state.step <= totalSteps, (resumption?.finishedSteps ?? 0) < totalSteps else {
            throw RunError.failed(
                "\(run.output): the run is complete: \(max(state.step, resumption?.finishedSteps ?? 0)) steps of "
                    + "\(totalSteps); to train longer give more --epochs or --steps")
        }
        var (settings, warnings) = (run.scheduleSettings, [String]())
        if let shorter = settings.warmup.shortened(for: totalSteps) {
            warnings.append(
                "--warmup \(settings.warmup) would cover \(totalSteps == 1 ? "the only step" : "all \(totalSteps) steps"): "
                    + "the rate rises over \(shorter.steps(of: totalSteps)) steps instead")
            settings.warmup = shorter
        }
        var schedule = LearningRateSchedule(settings, totalSteps: totalSteps)
        try schedule.restore(orNew: state.schedule)
        var history = RunHistory(
            base: RunHistory.Point(
                step: state.step, schedule: schedule, epochLoss: state.epochLoss, epochSamples: state.epochSamples),
            stepsPerEpoch: plan.stepsPerEpoch, totalSteps: totalSteps, hasValidation: sources.validation != nil)
        let source = StateSource(step: state.step, parts: state.digests(), point: history.base)
        resumption?.log.replay(into: &history, totalSteps: totalSteps)
        let welcome = Welcome(
            modelConfiguration: String(decoding: try StableJSON.line(model), as: UTF8.self),
            hyperparameters: String(decoding: try StableJSON.line(run.hyperparameters), as: UTF8.self),
            seed: run.seed, weightCount: layout.count, heartbeatTimeout: run.heartbeatTimeout,
            orphanTimeout: run.orphanTimeout, runID: runID, wire: run.wire, compressesWire: run.compressWire)
        var preparation = Preparation(
            welcome: welcome, labels: model.labels, parameters: layout.parameters.reduce(0) { $0 + $1.count },
            training: sources.training, validation: sources.validation, test: sources.test, plan: plan,
            totalSteps: totalSteps, source: source, history: history, checkpoint: resumption?.checkpoint?.path,
            stateParts: parts,
            // About 2,000 tokens, as many as a training micro-batch of the usual size has.
            evaluationBatch: max(1, min(16, 2048 / sources.maxLength, ControlLimits.maxLogits / 2 / model.labels.count))
        )
        if let resumption {
            let found = try CheckpointFolder.best(in: run.output)
            if let found, found.step <= state.step, resumption.checkpoint != nil {
                let metrics = try found.loadState().metrics
                preparation.best = CoordinatorMachine.Best(
                    step: found.step, accuracy: metrics["validation_accuracy"] ?? .nan,
                    loss: metrics["validation_loss"] ?? .nan, isKept: true)
            }
        }
        return Prepared(
            preparation: preparation, state: state, configuration: model, maxLength: sources.maxLength,
            fingerprint: [:], warnings: warnings, notices: notices, run: run)
    }

    /// What a checkpoint must hold.
    private static func stateParts(_ optimizer: OptimizerKind) -> [StatePart] {
        [.weights] + (optimizer.usesFirstMoment ? [.firstMoment] : [])
            + (optimizer.usesSecondMoment ? [.secondMoment] : [])
    }
}

extension LearningRateSchedule {
    /// Goes on from a checkpoint's state; a checkpoint without one leaves the schedule new.
    fileprivate mutating func restore(orNew state: [String: Double]) throws(TrainingError) {
        if !state.isEmpty { try restore(state) }
    }
}
