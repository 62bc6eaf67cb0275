import Checkpoint
import Numerics
import Modeling

/// A state in memory, read from a model or a checkpoint.
struct LoadedState: Sendable {
    var step = 0
    var buffers: [StatePart: FloatBuffer]
    var schedule: [String: Double] = [:]
    var epochLoss = 0.0
    var epochSamples = 0

    /// The beginning of a run.
    init(weights: FloatBuffer) { buffers = [.weights: weights] }

    /// A checkpoint's.
    ///
    /// - Throws: an error that names the file that does not fit.
    init(
        _ checkpoint: CheckpointFolder, _ specification: ModelSpecification, layout: ParameterLayout, parts: [StatePart]
    ) throws {
        let state = try checkpoint.loadState()
        guard state.appliedSteps == UInt64(clamping: state.step) else {
            throw RunError.failed(
                "\(checkpoint.path)/\(TrainerState.fileName): \"appliedSteps\" is \(state.appliedSteps), but must be the "
                    + "\(state.step) of \"step\"; remove this checkpoint to go on from the one before")
        }
        step = state.step
        schedule = state.schedule
        epochLoss = state.metrics["epoch_loss"] ?? 0
        epochSamples = Int(exactly: state.metrics["epoch_samples"] ?? 0) ?? 0
        let model = try checkpoint.model()
        try model.requireClassifier()
        let loaded = try WeightLoader.load(model, specification, layout: layout, missingHead: .fail)
        buffers = [.weights: loaded.weights]
        let file = try checkpoint.openOptimizer()
        for (part, moment) in [(StatePart.firstMoment, CheckpointFolder.Moment.first), (.secondMoment, .second)]
        where parts.contains(part) {
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
