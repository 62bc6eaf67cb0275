import Corpus
import Foundation
import Inference
import Modeling
import Numerics
import Training

/// Reads the model and the data of a run, and settles what the run will be.
enum RunLoader {
    /// - Parameters:
    ///   - run: What to do.
    ///   - resumption: What is there of it already; nil for a new run.
    ///   - runID: Names the run.
    ///   - recipe: Makes its phases.
    /// - Throws: An error that names the option, or the file, that the run cannot be made from.
    static func load(
        _ run: RunConfiguration, resuming resumption: Resumption?, runID: String, recipe: any Recipe = Recipes.standard
    ) throws -> LoadedRun {
        let fingerprint = try Fingerprint.take(run)
        try resumption?.check(fingerprint)
        let source = try RunModel(run, checkpoint: resumption?.checkpoint)
        var data = try RunData(run, folder: source.directory)
        data.review(run, tokenizer: source.tokenizer, maxLength: source.maxLength)
        let sources = try RunSources(data, run, source)
        if let line = sources?.notice(data, maxLength: source.maxLength) { data.notices.append(line) }
        var run = run
        let extra = run.computesClassifier ? try FewShotData(run, data) : nil
        let contrasted = try ContrastedExamples.source(data, extra, run, source)
        let examples = contrasted?.count ?? sources?.training.count ?? data.training.examples.count
        let model = try source.configuration(for: data, of: run)
        let width = data.task.tagsWords ? model.encoder.hidden : nil
        let (adapter, folder) = try source.adapter(of: run)
        let chosen =
            run.method != .probe
            ? TrainingDefaults.apply(to: &run, examples: examples, taggingWidth: width, adapter: adapter) : nil
        if let line = chosen { data.notices.append(line) }
        (run.task, run.scoreRange) = (data.task.name, data.task.scoreRange)
        let encoder = model.encoder
        let head = data.task.head(model)
        let request = RecipeRequest(
            run: run, head: head,
            objective: try data.task.objective(run.taskOptions, data: data.training), embeddingWidth: encoder.hidden,
            maxLength: source.maxLength,
            trainable: adapter == nil ? try run.trainableSet(of: encoder) : .besideAdapter(head), adapter: adapter)
        let phases = recipe.phases(request)
        let length = try RunLength(
            phases, of: run,
            examples: phases.map {
                $0.examples == .contrasted ? examples : sources?.training.count ?? data.training.examples.count
            })
        try length.requireRest(
            checkpoint: resumption?.checkpoint?.step ?? 0, finished: resumption?.finishedSteps, output: run.output)
        let layouts = try phases.map { try source.layout($0.model(encoder)) }
        guard layouts.allSatisfy({ $0.trainableCount > 0 }) else { throw run.nothingToTrain(data.task.name) }
        var (planned, shortening) = ([PhasePlan](), [String]())
        for (number, phase) in phases.enumerated() {
            let (schedule, warnings) = phase.schedule(steps: length.steps[number].count)
            shortening += warnings
            planned.append(
                try PhasePlan(
                    phase, number, run, encoder, layouts[number], length, schedule, data, sources, source,
                    contrasted: contrasted,
                    labels: data.training.labels, runID: runID))
        }
        var fewShot: FewShotRun?
        if let collecting = phases.firstIndex(where: \.collectsOutputs) {
            let made = try FewShotRun(
                data, extra ?? FewShotData(run, data), run, source, phase: collecting,
                batch: planned[collecting].evaluationBatch)
            planned[collecting].collection = made.source
            data.notices.append(made.notice)
            fewShot = made
        }
        let initial = try InitialState(
            source, planned, layouts, checkpoint: resumption?.checkpoint, adapter: folder, seed: run.seed,
            labels: data.training.labels, purpose: model.purpose, drawing: run.fromScratch ? model : nil)
        let state = initial.state
        let shares = planned.map(\.parameters)
        data.notices += shares.indices.filter { shares[$0].trained < shares[$0].all }.map { shares[$0].text }
        let base = RunHistory.Point(
            step: state.step, schedule: try planned[state.phase].schedule.restored(from: state),
            epochLoss: state.epochLoss, epochSamples: state.epochSamples)
        var history = planned[state.phase].history(from: base)
        resumption?.log.replay(into: &history)
        var plan = RunPlan(
            phases: planned,
            source: StateSource(step: base.step, phase: state.phase, parts: state.digests(), point: base),
            history: history, checkpoint: resumption?.checkpoint?.path,
            best: try resumption?.keptBest(
                of: run.output, after: planned[state.phase].steps.lowerBound, upTo: state.step,
                by: planned[state.phase].model.head.primaryMetric),
            validation: try resumption?.lastValidation(
                after: planned[state.phase].steps.lowerBound, by: planned[state.phase].model.head.primaryMetric))
        if data.training.columns?.textPair != nil { plan.secondText = data.task.tagsWords ? .predicate : .text }
        return LoadedRun(
            plan: plan, state: state, layouts: layouts, fewShot: fewShot, configuration: model,
            maxLength: source.maxLength,
            fingerprint: fingerprint,
            warnings: [
                resumption?.warnings ?? [], data.warnings, run.wireWarnings, shortening,
                initial.warnings,
            ].flatMap { $0 },
            notices: data.notices + initial.notices, run: run)
    }
}

extension Phase {
    /// The model of the phase.
    fileprivate func model(_ encoder: EncoderArchitecture) -> ModelSpecification {
        ModelSpecification(encoder: encoder, head: head, objective: objective, adapter: adapter, trainable: trainable)
    }
}

extension PhasePlan {
    fileprivate init(
        _ phase: Phase, _ number: Int, _ run: RunConfiguration, _ encoder: EncoderArchitecture,
        _ layout: ParameterLayout, _ length: RunLength, _ schedule: LearningRateSchedule, _ data: RunData,
        _ sources: RunSources?, _ source: RunModel, contrasted: (any ExampleSource)?, labels: [String], runID: String
    ) throws {
        let model = phase.model(encoder)
        let isLast = number == length.steps.count - 1
        func examples(_ prepared: (any ExampleSource)?, _ dataset: Dataset) -> any ExampleSource {
            prepared
                ?? source.tokenized(dataset, data.task, outputs: model.head.outputWidth, maxLength: phase.maxLength)
        }
        self.init(
            name: phase.name,
            welcome: try Welcome(
                run, phase, model: model, layout: layout, firstStep: length.steps[number].lowerBound, runID: runID),
            model: model, labels: labels, parameters: TrainedShare(layout),
            training: examples(phase.examples == .contrasted ? contrasted : sources?.training, data.training),
            validation: phase.collectsOutputs || phase.examples == .contrasted
                ? nil : data.validation.map { examples(sources?.validation, $0) },
            test: isLast ? data.test.map { examples(sources?.test, $0) } : nil, data: length.plans[number],
            steps: length.steps[number],
            schedule: schedule, stateParts: StatePart.parts(of: phase.hyperparameters.optimizer),
            evaluationBatch: Self.evaluationBatch(maxLength: phase.maxLength, head: model.head),
            metricBytes: model.head.metricBytes(maxLength: phase.maxLength))
    }
}

extension RunConfiguration {
    /// What to warn about how gradients are sent.
    fileprivate var wireWarnings: [String] {
        guard wire == .bf16 else { return [] }
        return ["with --wire bf16 the weights depend on the number of workers and on how the work was dealt to them"]
    }
}
