import Checkpoint
import Foundation
import Numerics

@testable import Modeling

enum Fixture {
    /// The path of a file or folder under Fixtures.
    static func path(_ name: String) throws -> String {
        guard let folder = Bundle.module.resourceURL else { throw CocoaError(.fileNoSuchFile) }
        return folder.appendingPathComponent("Fixtures").appendingPathComponent(name).path
    }
}

/// A tiny model with the reference's inputs and outputs.
struct Reference {
    let model: Model
    let weights: FloatBuffer
    let batch: PackedBatch
    private let file: SafetensorsFile

    init(folder: String) throws {
        let directory = try ModelFolder(path: folder)
        let layout = ParameterLayout(directory.configuration.classifier())
        weights = try WeightLoader.load(
            directory, directory.configuration.classifier(), layout: layout, missingHead: .fail
        ).weights
        model = Model(
            directory.configuration.classifier(), layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32))
        file = try SafetensorsFile(path: folder + "/reference.safetensors")
        let ids = try Self.integers(file, "input_ids")
        let mask = try Self.integers(file, "attention_mask")
        let types = try Self.integers(file, "token_type_ids")
        let labels = try Self.integers(file, "labels")
        let width = ids.count / labels.count
        var batch = PackedBatch()
        for s in labels.indices {
            let kept = (s * width..<(s + 1) * width).filter { mask[$0] == 1 }
            batch.append(
                tokenIDs: kept.map { ids[$0] }, typeIDs: kept.map { types[$0] }, sampleKey: UInt32(s),
                target: .classIndex(labels[s]))
        }
        self.batch = batch
    }

    /// A floating-point tensor of the reference.
    func floats(_ name: String) throws -> [Float] {
        let count = file.tensors[name]?.count ?? 0
        var values = [Float](repeating: 0, count: count)
        try values.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        return values
    }

    private static func integers(_ file: SafetensorsFile, _ name: String) throws -> [Int32] {
        try file.withBytes(of: name) { bytes in
            (0..<(bytes.count / 8)).map {
                Int32(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
            }
        }
    }
}
