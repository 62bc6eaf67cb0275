import Checkpoint
import Modeling
import Numerics
import Support

/// A state in memory, read from a model or a checkpoint.
struct LoadedState: Sendable {
    /// The steps behind it.
    var step = 0
    /// The phase that it belongs to, from 0.
    var phase = 0
    var buffers: [StatePart: FloatBuffer]
    var schedule: [String: Double] = [:]
    var epochLoss = 0.0
    var epochSamples = 0

    /// The beginning of a run.
    init(weights: FloatBuffer) { buffers = [.weights: weights] }

    /// A checkpoint's, which is one of a run of these phases. That of the end of a phase becomes that of the beginning
    /// of the next one.
    ///
    /// - Throws: an error that names the file that does not fit.
    init(_ checkpoint: CheckpointFolder, _ phases: [PhasePlan], _ layouts: [ParameterLayout]) throws {
        let state = try checkpoint.loadState()
        let phase = state.phase ?? 0
        func refusal(_ why: String) -> RunError {
            .failed(
                "\(checkpoint.path)/\(TrainerState.fileName): \(why); remove this checkpoint to go on from the one "
                    + "before")
        }
        guard phase < phases.count else {
            throw refusal("\"phase\" is \(phase), but the run has \(plural(phases.count, "phase"))")
        }
        let plan = phases[phase]
        guard phases.count == 1 || plan.steps.lowerBound < state.step && state.step <= plan.steps.upperBound else {
            throw refusal(
                "\"step\" is \(state.step), but phase \(phase + 1) has the steps \(plan.steps.lowerBound + 1) to "
                    + "\(plan.steps.upperBound)")
        }
        guard state.appliedSteps == UInt64(clamping: state.step - plan.steps.lowerBound) else {
            let of = plan.steps.lowerBound == 0 ? "" : " less the \(plan.steps.lowerBound) of the phases before"
            throw refusal("\"appliedSteps\" is \(state.appliedSteps), but must be the \(state.step) of \"step\"\(of)")
        }
        (step, self.phase) = (state.step, phase)
        schedule = state.schedule
        epochLoss = state.metrics["epoch_loss"] ?? 0
        epochSamples = Int(exactly: state.metrics["epoch_samples"] ?? 0) ?? 0
        let model = try checkpoint.model()
        try model.requireLabels()
        let layout = layouts[phase]
        let loaded = try WeightLoader.load(model, plan.model, layout: layout, missingHead: .fail)
        buffers = [.weights: loaded.weights]
        let next = phase + 1
        if state.step == plan.steps.upperBound, next < phases.count {
            let old = WeightTransition.State(model: plan.model, layout: layout, weights: loaded.weights)
            let weights = try WeightTransition.weights(
                of: phases[next].model, layout: layouts[next], from: old, seed: phases[next].welcome.seed)
            self = LoadedState(weights: weights)
            (step, self.phase) = (state.step, next)
            return
        }
        let averaged = plan.averagedSteps(after: Int(clamping: state.appliedSteps))
        guard averaged == state.averagedSteps ?? 0 else {
            throw RunError.failed(
                "\(checkpoint.path): its weights are "
                    + (state.averagedSteps.map { "the mean of the last \(plural($0, "step"))" } ?? "no mean")
                    + ", but by --average-weights, --epochs and --steps they would be "
                    + (averaged == 0 ? "none" : "that of \(averaged)")
                    + ": resume with the same options, or begin another run with this checkpoint as its --model")
        }
        let file = try checkpoint.openOptimizer()
        for (part, moment) in [
            (StatePart.firstMoment, CheckpointFolder.Moment.first), (.secondMoment, .second),
            (.lastWeights, .lastWeights),
        ] where plan.stateParts.contains(part) && (part != .lastWeights || averaged > 0) {
            guard
                let buffer = try WeightLoader.loadMoments(
                    file, layout: layout, family: model.family, name: { moment.name(of: $0) })
            else {
                throw RunError.failed("\(checkpoint.path): the optimizer's \(moment.rawValue) is missing")
            }
            buffers[part] = buffer
        }
    }

    /// Its parts with their hashes.
    func digests() -> [PartToLoad] {
        buffers.keys.sorted { $0.rawValue < $1.rawValue }.compactMap { part in
            buffers[part].map { PartToLoad(part: part, sha256: digest(of: $0)) }
        }
    }
}
