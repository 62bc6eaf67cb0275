import Checkpoint
import Numerics
import Transformer

/// Writes the fetched state as a checkpoint.
struct CheckpointWriter: Sendable {
    var runDirectory: String
    var model: BertConfiguration
    /// The folder whose tokenizer goes with the model.
    var tokenizerSource: String
    var seed: UInt64
    var state: CoordinatorMachine.TrainingState
    var weights: FloatBuffer
    /// The moments that the optimizer has.
    var firstMoment: FloatBuffer?
    var secondMoment: FloatBuffer?

    /// Returns the folder.
    func write() throws -> String {
        let layout = ParameterLayout(configuration: model)
        func tensors(_ buffer: FloatBuffer?) -> [TensorToWrite] {
            buffer.map { WeightLoader.tensors(of: $0, layout: layout) } ?? []
        }
        // The tensors point into the buffers.
        return try withExtendedLifetime((weights, firstMoment, secondMoment)) {
            try CheckpointFolder.write(
                to: runDirectory,
                state: TrainerState(
                    step: state.step, epoch: state.epoch, seed: seed, appliedSteps: UInt64(state.step),
                    schedule: state.schedule),
                configuration: model, weights: tensors(weights), firstMoments: tensors(firstMoment),
                secondMoments: tensors(secondMoment), tokenizerFrom: tokenizerSource
            ).path
        }
    }
}
