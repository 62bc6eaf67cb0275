import Checkpoint
import Modeling
import Numerics

/// Writes the fetched state as a checkpoint.
struct CheckpointWriter: Sendable {
    var runDirectory: String
    /// What goes into config.json, with the adapter of the phase.
    var configuration: ModelConfiguration
    var layout: ParameterLayout
    /// The folder whose tokenizer goes with the model.
    var tokenizerSource: String
    /// Tokens of a text at most.
    var maxLength: Int
    var seed: UInt64
    /// Goes into the state's notes.
    var fingerprint: [String: String]
    /// The newest checkpoints that are kept, besides the best.
    var keep: Int
    /// Which one is the best.
    var ranking: CheckpointRanking
    var state: TrainingState
    var weights: FloatBuffer
    /// The moments that the optimizer has.
    var firstMoment: FloatBuffer?
    var secondMoment: FloatBuffer?
    /// Of how many steps `weights` are the mean, and the weights after the last of them; 0 where they are no mean.
    var averagedSteps = 0
    var lastWeights: FloatBuffer?

    /// Writes it, and removes those that are not to be kept any more.
    ///
    /// - Returns: the folder, and what went wrong with removing others.
    func write() throws -> (path: String, problem: String?) {
        func moments(_ buffer: FloatBuffer?) -> [TensorToWrite] {
            buffer.map { WeightLoader.momentTensors(of: $0, layout: layout, family: configuration.family) } ?? []
        }
        // The tensors point into the buffers.
        let path = try withExtendedLifetime((weights, firstMoment, secondMoment, lastWeights)) {
            try CheckpointFolder.write(
                to: runDirectory,
                state: TrainerState(
                    step: state.step, phase: state.phase == 0 ? nil : state.phase, epoch: state.epoch, seed: seed,
                    appliedSteps: UInt64(state.appliedSteps), averagedSteps: averagedSteps > 0 ? averagedSteps : nil,
                    schedule: state.schedule, metrics: state.metrics, notes: fingerprint),
                configuration: configuration,
                weights: WeightLoader.tensors(of: weights, layout: layout, family: configuration.family),
                firstMoments: moments(firstMoment), secondMoments: moments(secondMoment),
                lastWeights: averagedSteps > 0 ? moments(lastWeights) : [],
                tokenizerFrom: tokenizerSource, maxLength: maxLength
            ).path
        }
        do {
            _ = try CheckpointFolder.prune(in: runDirectory, keepNewest: keep, best: ranking)
            return (path, nil)
        } catch {
            return (path, "old checkpoints could not be removed: \(error)")
        }
    }
}
