import Foundation
import Numerics
import Training
import Modeling

/// Reads the model and the data of a run, and settles what the run will be.
enum RunLoader {
    /// - Parameters:
    ///   - run: What to do.
    ///   - resumption: What is there of it already; nil for a new run.
    ///   - runID: Names the run.
    /// - Throws: An error that names the option, or the file, that the run cannot be made from.
    static func load(_ run: RunConfiguration, resuming resumption: Resumption?, runID: String) throws -> LoadedRun {
        let fingerprint = try Fingerprint.take(run)
        try resumption?.check(fingerprint)
        let source = try RunModel(run, checkpoint: resumption?.checkpoint)
        var data = try RunData(run)
        data.review(run, tokenizer: source.tokenizer, maxLength: source.maxLength)
        var run = run
        if let line = TrainingDefaults.apply(to: &run, examples: data.training.examples.count) {
            data.notices.append(line)
        }
        let model = try source.configuration(for: data, of: run)
        let specification = model.classifier(objective: CrossEntropy(labelSmoothing: run.labelSmoothing))
        let layout = try source.layout(specification)
        let length = try RunLength(run, examples: data.training.examples.count)
        try length.requireRest(
            checkpoint: resumption?.checkpoint?.step ?? 0, finished: resumption?.finishedSteps, output: run.output)
        let parts = StatePart.parts(of: run.hyperparameters.optimizer)
        let initial = try InitialState(
            source, specification, checkpoint: resumption?.checkpoint, layout: layout, parts: parts, seed: run.seed,
            labels: model.labels)
        let (schedule, shortening) = try run.schedule(totalSteps: length.totalSteps, from: initial.state)
        var history = RunHistory(
            base: RunHistory.Point(
                step: initial.state.step, schedule: schedule, epochLoss: initial.state.epochLoss,
                epochSamples: initial.state.epochSamples),
            stepsPerEpoch: length.plan.stepsPerEpoch, totalSteps: length.totalSteps,
            hasValidation: data.validation != nil)
        let base = history.base
        resumption?.log.replay(into: &history, totalSteps: length.totalSteps)
        let plan = RunPlan(
            welcome: try Welcome(run, model: specification, weightCount: layout.count, runID: runID),
            model: specification, labels: model.labels, parameters: layout.parameters.reduce(0) { $0 + $1.count },
            training: source.tokenized(data.training), validation: data.validation.map(source.tokenized),
            test: data.test.map(source.tokenized), plan: length.plan, totalSteps: length.totalSteps,
            source: StateSource(step: base.step, parts: initial.state.digests(), point: base), history: history,
            checkpoint: resumption?.checkpoint?.path,
            best: try resumption?.keptBest(
                of: run.output, upTo: initial.state.step, by: specification.head.primaryMetric), stateParts: parts,
            evaluationBatch: RunPlan.evaluationBatch(maxLength: source.maxLength, classes: model.labels.count))
        return LoadedRun(
            plan: plan, state: initial.state, layout: layout, configuration: model, maxLength: source.maxLength,
            fingerprint: fingerprint,
            warnings: [resumption?.warnings ?? [], data.warnings, run.wireWarnings, shortening].flatMap { $0 },
            notices: data.notices + initial.notices, run: run)
    }
}

extension RunConfiguration {
    /// What to warn about how gradients are sent.
    fileprivate var wireWarnings: [String] {
        guard wire == .bf16 else { return [] }
        return ["with --wire bf16 the weights depend on the number of workers and on how the work was dealt to them"]
    }
}
