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
        let student = try StudentTexts(data, extra, run, source)
        let teachers = student?.teachers ?? []
        let prepared: (any ExampleSource)? =
            try student?.texts ?? ContrastedExamples.source(data, extra, run, source)
        let examples = prepared?.count ?? sources?.training.count ?? data.training.examples.count
        let model = try source.configuration(for: data, of: run)
        let width = data.task.tagsWords ? model.encoder.hidden : nil
        let (adapter, folder) = try source.adapter(of: run)
        let chosen =
            run.method != .probe
            ? TrainingDefaults.apply(to: &run, examples: examples, taggingWidth: width, adapter: adapter) : nil
        if let line = chosen { data.notices.append(line) }
        try ContrastedExamples.requireRoom(run, maxLength: source.maxLength, width: model.encoder.hidden)
        (run.task, run.scoreRange) = (data.task.name, data.task.scoreRange)
        let encoder = model.encoder
        let head = data.task.head(model)
        try run.requireDropout(encoder, head, adapter)
        let request = RecipeRequest(
            run: run, head: head,
            objective: try data.task.objective(run.taskOptions, data: data.training), embeddingWidth: encoder.hidden,
            maxLength: source.maxLength,
            trainable: adapter == nil ? try run.trainableSet(of: encoder) : .besideAdapter(head), adapter: adapter,
            teachers: teachers.map { ($0.head, $0.model.maxLength) })
        var phases = recipe.phases(request)
        let length = try RunLength(
            phases, of: run,
            examples: phases.map {
                $0.examples == .training ? sources?.training.count ?? data.training.examples.count : examples
            })
        try length.requireRest(
            checkpoint: resumption?.checkpoint?.step ?? 0, finished: resumption?.finishedSteps, output: run.output)
        for (number, steps) in length.steps.enumerated() {
            phases[number].hyperparameters.averagedAfter = run.averagedAfter(steps: steps.count)
        }
        let models = phases.map { phase in phase.teacher.map { teachers[$0].model } ?? source }
        let layouts = try zip(phases, models).map { phase, own in
            try own.layout(phase.model(phase.teacher == nil ? encoder : own.directory.configuration.encoder))
        }
        guard layouts.allSatisfy({ $0.trainableCount > 0 }) else { throw run.nothingToTrain(data.task.name) }
        var (planned, shortening) = ([PhasePlan](), [String]())
        for (number, phase) in phases.enumerated() {
            let (schedule, warnings) = phase.schedule(steps: length.steps[number].count)
            shortening += warnings
            planned.append(
                try PhasePlan(
                    phase, number, run,
                    phase.teacher == nil ? encoder : models[number].directory.configuration.encoder, layouts[number],
                    length, schedule, data, sources, models[number], prepared: prepared,
                    labels: data.training.labels, runID: runID))
        }
        let initial = try InitialState(
            source, planned, layouts, first: teachers.count, checkpoint: resumption?.checkpoint, adapter: folder,
            seed: run.seed, labels: data.training.labels, purpose: model.purpose,
            drawing: run.fromScratch ? model : nil)
        let uses = try outputUses(
            phases, &planned, student, data, extra ?? FewShotData(run, data), run, source, initial.state)
        data.notices += uses.keys.sorted().compactMap { uses[$0]?.notice }
        var state = initial.state
        if resumption?.checkpoint == nil, let first = teachers.first {
            state = LoadedState(weights: try first.weights(planned[0], layouts[0]))
        }
        if planned[state.phase].isDistilled { try student?.texts.read() }
        let shares = planned.map(\.parameters)
        // Of a phase without steps nothing is trained.
        let learning = shares.indices.filter { planned.count == 1 || !planned[$0].steps.isEmpty }
        data.notices += learning.filter { shares[$0].trained < shares[$0].all }.map { shares[$0].text }
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
            plan: plan, state: state, layouts: layouts, outputUses: uses, configuration: model,
            maxLength: source.maxLength,
            fingerprint: fingerprint,
            warnings: [
                resumption?.warnings ?? [], data.warnings, run.wireWarnings, shortening,
                initial.warnings,
            ].flatMap { $0 },
            notices: data.notices + initial.notices, run: run)
    }
}

extension RunLoader {
    /// What is made of the outputs that phases collect; the phases get the texts.
    private static func outputUses(
        _ phases: [Phase], _ planned: inout [PhasePlan], _ student: StudentTexts?, _ data: RunData,
        _ extra: FewShotData, _ run: RunConfiguration, _ source: RunModel, _ initial: LoadedState
    ) throws -> [Int: any OutputUse] {
        var uses: [Int: any OutputUse] = [:]
        for (number, phase) in phases.enumerated() where phase.collectsOutputs {
            let batch = planned[number].evaluationBatch
            let use: any OutputUse
            if let teacher = phase.teacher, let student, let answers = student.answers {
                let next = teacher + 1
                use = try TeacherRun(
                    student.teachers[teacher], number: number, student.texts, answers, batch: batch
                ) { phases, layouts in
                    guard next < student.teachers.count else { return initial }
                    return LoadedState(weights: try student.teachers[next].weights(phases[next], layouts[next]))
                }
            } else if !(data.task is Classification) {
                use = try ValueProbeRun(data, run, source, phase: number, batch: batch)
            } else {
                use = try FewShotRun(
                    data, extra, run, source, phase: number,
                    isEncoderTuned: planned[..<number].contains { !$0.steps.isEmpty }, distillation: student,
                    batch: batch)
            }
            planned[number].collection = use.source
            uses[number] = use
        }
        return uses
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
        _ sources: RunSources?, _ source: RunModel, prepared: (any ExampleSource)?, labels: [String], runID: String
    ) throws {
        let model = phase.model(encoder)
        let isLast = number == length.steps.count - 1
        func examples(_ made: (any ExampleSource)?, _ dataset: Dataset) -> any ExampleSource {
            made
                ?? source.tokenized(dataset, data.task, outputs: model.head.outputWidth, maxLength: phase.maxLength)
        }
        self.init(
            name: phase.name,
            welcome: try Welcome(
                run, phase, model: model, layout: layout, firstStep: length.steps[number].lowerBound, runID: runID),
            model: model, labels: labels, parameters: TrainedShare(layout),
            training: examples(phase.examples == .training ? sources?.training : prepared, data.training),
            validation: phase.collectsOutputs || phase.examples == .contrasted
                ? nil : data.validation.map { examples(sources?.validation, $0) },
            test: isLast ? data.test.map { examples(sources?.test, $0) } : nil, data: length.plans[number],
            steps: length.steps[number],
            schedule: schedule, stateParts: StatePart.parts(of: phase.hyperparameters),
            averagedAfter: phase.hyperparameters.averagedAfter,
            evaluationBatch: Self.evaluationBatch(maxLength: phase.maxLength, head: model.head),
            metricBytes: model.head.metricBytes(maxLength: phase.maxLength),
            isDistilled: phase.examples == .distilled)
    }
}

extension RunConfiguration {
    /// What to warn about how gradients are sent.
    fileprivate var wireWarnings: [String] {
        guard wire == .bf16 else { return [] }
        return ["with --wire bf16 the weights depend on the number of workers and on how the work was dealt to them"]
    }
}
