import Checkpoint
import Foundation
import Numerics
import Support

extension AdapterFolder {
    /// Writes the adapter of a model, and its head: the folder is there with all its files, or not at all.
    ///
    /// - Parameters:
    ///   - path: The folder; one that is there gives way.
    ///   - model: A model with an adapter.
    ///   - weights: Its weights, not merged.
    ///   - configuration: That of the model without the adapter.
    ///   - base: The folder of the model that it was trained on.
    /// - Throws: An error that names the path and the reason.
    public static func write(
        to path: String, _ model: ModelSpecification, _ layout: ParameterLayout, weights: FloatBuffer,
        configuration: ModelConfiguration, base: String
    ) throws {
        guard let adapter = model.adapter else { return }
        let names = AdapterNames(family: configuration.family)
        let json = PEFTConfiguration.json(
            adapter, targets: names.targetModules(adapter.targets, layout), saved: names.savedModules(layout),
            task: model.head.peftTask, base: base)
        let tensors = layout.trainable.map {
            TensorToWrite(
                name: names.tensor($0.id), shape: $0.shape,
                data: UnsafeRawBufferPointer(start: weights.pointer + $0.offset, count: 4 * $0.count))
        }
        var metadata = ["format": "pt", baseKey: encoderSHA256(weights, layout)]
        metadata[labelsKey] = JSONValue.array(configuration.labels.map { .string($0) }).text
        metadata[problemKey] = configuration.purpose.problem?.rawValue
        metadata[thresholdKey] = configuration.threshold.map { "\($0)" }
        metadata[pairsKey] = configuration.isTrainedOnPairs.map { "\($0)" }
        try AtomicDirectory.create(path, replacing: PEFTConfiguration.fileName) { folder in
            try DurableFile.write(json, to: joinedPath(folder, PEFTConfiguration.fileName))
            try SafetensorsWriter.write(tensors, metadata: metadata, to: joinedPath(folder, weightsFile))
        }
    }
}

extension Head {
    /// What `peft` calls the task of a model with this head; nil for none of its tasks.
    var peftTask: String? { labelLinear == nil ? nil : reads == .firstTokens ? "SEQ_CLS" : "TOKEN_CLS" }
}
