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
        let purpose = configuration.purpose
        let names = AdapterNames(family: configuration.family, isOfEncoder: purpose == .embedding)
        let json = PEFTConfiguration.json(
            adapter, targets: names.targetModules(adapter.targets, layout), saved: names.savedModules(layout),
            task: purpose.peftTask, base: base)
        let tensors = layout.trainable.map {
            TensorToWrite(
                name: names.tensor($0.id), shape: $0.shape,
                data: UnsafeRawBufferPointer(start: weights.pointer + $0.offset, count: 4 * $0.count))
        }
        var metadata = ["format": "pt", baseKey: encoderSHA256(weights, layout)]
        if purpose.hasLabels { metadata[labelsKey] = JSONValue.array(configuration.labels.map { .string($0) }).text }
        if purpose.peftTask == nil { metadata[classKey] = purpose.classSuffix }
        metadata[problemKey] = purpose.problem?.rawValue
        metadata[scoreRangeKey] = configuration.scoreRange.map {
            JSONValue.array([.number($0.lowerBound), .number($0.upperBound)]).text
        }
        metadata[thresholdKey] = configuration.threshold.map { "\($0)" }
        metadata[pairsKey] = configuration.isTrainedOnPairs.map { "\($0)" }
        try AtomicDirectory.create(path, replacing: PEFTConfiguration.fileName) { folder in
            try DurableFile.write(json, to: joinedPath(folder, PEFTConfiguration.fileName))
            try SafetensorsWriter.write(tensors, metadata: metadata, to: joinedPath(folder, weightsFile))
        }
    }
}
