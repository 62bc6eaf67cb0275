import Checkpoint
import Support

/// The model of a checkpoint.
extension CheckpointFolder {
    /// Opens the model: configuration and weights.
    ///
    /// - Parameter registry: The families that are known.
    public func model(registry: ModelRegistry = .standard) throws(FileError) -> ModelFolder {
        try ModelFolder(path: path, registry: registry)
    }

    /// Writes a checkpoint: it is there whole, on the disk, or not at all. One of the same step is replaced.
    ///
    /// - Parameters:
    ///   - runDirectory: The run; `checkpoints` in it is made.
    ///   - state: Its `step` names the folder; its `weightsSHA256` is filled in.
    ///   - configuration: Goes to config.json.
    ///   - weights: Go to model.safetensors.
    ///   - firstMoments: The optimizer's running means, by the names of the parameters (momentum, for SGD).
    ///   - secondMoments: The running means of squares, by the names of the parameters; none for SGD.
    ///   - lastWeights: Where the weights are a mean, those after the last step, by the names of the parameters.
    ///   - source: The folder whose tokenizer files are copied; nil for none.
    ///   - maxLength: See
    ///     ``ModelFolder/write(to:configuration:tensors:tokenizerFrom:maxLength:extraFiles:replacing:)``.
    /// - Throws: An error that names the path and the system's reason.
    @discardableResult
    public static func write(
        to runDirectory: String, state: TrainerState, configuration: ModelConfiguration, weights: [TensorToWrite],
        firstMoments: [TensorToWrite], secondMoments: [TensorToWrite], lastWeights: [TensorToWrite] = [],
        tokenizerFrom source: String?, maxLength: Int? = nil
    ) throws -> CheckpointFolder {
        try write(
            to: runDirectory, state: state, firstMoments: firstMoments, secondMoments: secondMoments,
            lastWeights: lastWeights
        ) {
            try ModelFolder.writeFiles(
                to: $0, configuration: configuration, tensors: weights, tokenizerFrom: source, maxLength: maxLength)
        }
    }
}
