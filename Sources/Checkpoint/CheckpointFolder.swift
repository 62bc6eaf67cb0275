import Foundation
import Support

/// One checkpoint of a run, `checkpoints/step-00000120`: a model folder that `transformers` loads, and beside the model
/// `optimizer.safetensors`, `trainer_state.json` and `manifest.json`.
///
/// What a model folder holds, and how it is written, is the caller's affair; here it is two files that must be there.
public struct CheckpointFolder: Sendable, Equatable {
    /// Where it is.
    public let path: String
    /// How many steps were done.
    public let step: Int

    /// The folder of a run that holds its checkpoints.
    public static let collection = "checkpoints"
    /// The file of a model folder that describes the model.
    public static let configurationFile = "config.json"
    /// The file of a model folder that holds the weights.
    public static let weightsFile = "model.safetensors"
    static let optimizerFile = "optimizer.safetensors"
    private static let prefix = "step-"

    /// The place of a checkpoint in a run directory; nothing is looked at.
    public init(runDirectory: String, step: Int) {
        precondition(step >= 0, "steps are counted from 0")
        let digits = String(step)
        let name = Self.prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        path = joinedPath(joinedPath(withoutTrailingSlash(runDirectory), Self.collection), name)
        self.step = step
    }

    /// Writes a checkpoint: it is there whole, on the disk, or not at all. One of the same step is replaced.
    ///
    /// - Parameters:
    ///   - runDirectory: The run; `checkpoints` in it is made.
    ///   - state: Its `step` names the folder; its `weightsSHA256` is filled in.
    ///   - firstMoments: The optimizer's running means, by the names of the parameters (momentum, for SGD).
    ///   - secondMoments: The running means of squares, by the names of the parameters; none for SGD.
    ///   - lastWeights: Where the model's weights are a mean, those after the last step, by the names of the
    ///     parameters.
    ///   - writeModel: Writes the files of the model, ``configurationFile`` and ``weightsFile`` among them, into the
    ///     folder that it is given.
    /// - Throws: An error that names the path and the system's reason.
    @discardableResult
    public static func write(
        to runDirectory: String, state: TrainerState, firstMoments: [TensorToWrite], secondMoments: [TensorToWrite],
        lastWeights: [TensorToWrite] = [],
        writeModel: (String) throws -> Void
    ) throws -> CheckpointFolder {
        let checkpoint = CheckpointFolder(runDirectory: runDirectory, step: state.step)
        try AtomicDirectory.create(checkpoint.path, replacing: configurationFile) { folder in
            try writeModel(folder)
            let moments =
                renamed(firstMoments, as: .first) + renamed(secondMoments, as: .second)
                + renamed(lastWeights, as: .lastWeights)
            try SafetensorsWriter.write(moments, to: joinedPath(folder, optimizerFile))
            var state = state
            state.weightsSHA256 = try SafetensorsFile(path: joinedPath(folder, weightsFile))
                .weightsSHA256()
            try StateFile.write(state, to: joinedPath(folder, TrainerState.fileName))
            // Last, over everything else.
            try Manifest.summing(folder).write(to: folder)
        }
        return checkpoint
    }

    private static func renamed(_ tensors: [TensorToWrite], as moment: Moment) -> [TensorToWrite] {
        tensors.map {
            TensorToWrite(name: moment.name(of: $0.name), shape: $0.shape, data: $0.data, dtype: $0.dtype)
        }
    }

    /// The checkpoints of a run, newest first, whole or not. None if the run has no such folder.
    public static func list(in runDirectory: String) throws(FileError) -> [CheckpointFolder] {
        let folder = joinedPath(withoutTrailingSlash(runDirectory), collection)
        guard try PathKind(folder) == .folder else { return [] }
        var checkpoints: [CheckpointFolder] = []
        for name in try AtomicDirectory.names(in: folder) where name.hasPrefix(prefix) {
            let digits = name.dropFirst(prefix.count)
            guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let step = Int(digits) else { continue }
            let checkpoint = CheckpointFolder(runDirectory: runDirectory, step: step)
            // Ours have one spelling of a step.
            if lastComponent(of: checkpoint.path) == name { checkpoints.append(checkpoint) }
        }
        return checkpoints.sorted { $0.step > $1.step }
    }

    /// The newest checkpoint whose every file is as it was written.
    ///
    /// - Parameter skipped: Called with each newer one that is not whole, and why, so that it can be reported.
    /// - Throws: An error only if the folder of checkpoints cannot be read.
    public static func newestWhole(
        in runDirectory: String, skipped: (CheckpointFolder, FileError) -> Void = { _, _ in }
    ) throws(FileError) -> CheckpointFolder? {
        for checkpoint in try list(in: runDirectory) {
            do throws(FileError) {
                try checkpoint.verify()
                return checkpoint
            } catch {
                skipped(checkpoint, error)
            }
        }
        return nil
    }

    /// Checks every file against the manifest, and that the files that make a checkpoint are all there.
    ///
    /// - Throws: An error that names the first file that is lost or damaged.
    public func verify() throws(FileError) {
        let manifestPath = joinedPath(path, Manifest.fileName)
        guard try PathKind(manifestPath) != .nothing else {
            throw FileError(manifestPath, "damaged: the file is lost")
        }
        let manifest = try Manifest(folder: path)
        let needed = [Self.configurationFile, Self.weightsFile, Self.optimizerFile, TrainerState.fileName]
        if let name = needed.first(where: { manifest.files[$0] == nil }) {
            throw FileError(manifestPath, "damaged: does not list \(name)")
        }
        try manifest.verify(path)
        let state = try loadState()
        guard state.step == step else {
            throw FileError(
                joinedPath(path, TrainerState.fileName), "damaged: is of step \(state.step), its folder of \(step)")
        }
    }

    /// Reads trainer_state.json.
    public func loadState() throws(FileError) -> TrainerState {
        let file = joinedPath(path, TrainerState.fileName)
        let state = try StateFile.read(TrainerState.self, file)
        guard state.version == 1 else {
            throw FileError(file, "has version \(state.version); this program reads version 1")
        }
        if let problem = state.problem { throw FileError(file, problem) }
        return state
    }

    /// Maps the optimizer's moments: tensors named by `Moment.name(of:)`.
    public func openOptimizer() throws(FileError) -> SafetensorsFile {
        try SafetensorsFile(path: joinedPath(path, Self.optimizerFile))
    }

    /// The vectors of the optimizer, beside the model's weights.
    public enum Moment: String, Sendable {
        /// Of gradients.
        case first = "first_moment"
        /// Of squared gradients.
        case second = "second_moment"
        /// The weights after the last step, where the model's are the mean of several steps.
        case lastWeights = "last_weights"

        /// The name in optimizer.safetensors of a parameter's share.
        public func name(of parameter: String) -> String { "\(rawValue).\(parameter)" }
    }
}
