import Checkpoint
import Modeling
import Training

/// Reads states of a run from its checkpoints, for workers to load.
struct StateReader: Sendable {
    /// The run directory.
    var path: String
    var phases: [PhasePlan]
    /// Theirs.
    var layouts: [ParameterLayout]

    /// A state with what people should know about how it was found.
    struct Found: Sendable {
        var state: LoadedState
        var source: StateSource
        var warnings: [String] = []
    }

    /// The newest checkpoint that is whole, or else `initial`, what the coordinator began with.
    ///
    /// - Throws: An error where there is neither, or the checkpoint does not fit.
    func newest(orElse initial: LoadedState) throws -> Found {
        var skipped: [String] = []
        let newest = try CheckpointFolder.newestWhole(in: path) { folder, error in
            skipped.append("the checkpoint \(folder.path) is skipped: \(error)")
        }
        let state = try newest.map { try LoadedState($0, phases, layouts) } ?? initial
        guard !state.buffers.isEmpty else {
            throw RunError.failed("all workers are lost, and no whole checkpoint is left in \(path)")
        }
        return Found(state: state, source: try source(state), warnings: skipped)
    }

    /// Says where a state stands.
    func source(_ state: LoadedState) throws(TrainingError) -> StateSource {
        let point = RunHistory.Point(
            step: state.step, schedule: try phases[state.phase].schedule.restored(from: state),
            epochLoss: state.epochLoss, epochSamples: state.epochSamples)
        return StateSource(step: state.step, phase: state.phase, parts: state.digests(), point: point)
    }

    /// The checkpoint of a step, which is to become the model.
    ///
    /// - Throws: An error that says how to do without it.
    func best(step: Int) throws(RunError) -> Found {
        do {
            let checkpoint = CheckpointFolder(runDirectory: path, step: step)
            try checkpoint.verify()
            let state = try LoadedState(checkpoint, phases, layouts)
            return Found(state: state, source: try source(state))
        } catch {
            throw .failed(
                "the best state, that of step \(step), cannot be read: \(error); shoal resume with --keep last writes "
                    + "the last one")
        }
    }
}
