import Checkpoint
import Foundation
import Numerics
import Testing

@testable import Modeling

/// A tiny model of some family under Fixtures/families, with a batch and what `transformers` computes of it; made by
/// Fixtures/export_families.py.
struct FamilyReference {
    /// Its folder.
    let folder: ModelFolder
    /// The model with the head that the folder is for.
    let specification: ModelSpecification
    let layout: ParameterLayout
    let loaded: WeightLoader.Loaded
    let batch: PackedBatch
    /// The gradient that the outputs are given where the folder is a bare encoder.
    let outputGradient: [Float]?
    /// The tensors of the reference.
    let file: SafetensorsFile

    /// All folders.
    static let names: [String] = {
        let path = (try? Fixture.path("families")) ?? ""
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }()

    /// - Parameters:
    ///   - name: A folder's name, or the path of one that is elsewhere.
    ///   - change: Makes another model of it, of the same encoder and head.
    init(_ name: String, _ change: (inout ModelSpecification) -> Void = { _ in }) throws {
        folder = try ModelFolder(path: name.hasPrefix("/") ? name : Fixture.path("families/" + name))
        var specification = try Self.specification(folder)
        change(&specification)
        self.specification = specification
        layout = ParameterLayout(specification)
        // A new adapter is drawn.
        loaded = try WeightLoader.load(
            folder, specification, layout: layout,
            missingHead: specification.adapter == nil ? .fail : .initialize(seed: 1))
        let file = try SafetensorsFile(path: folder.path + "/reference.safetensors")
        self.file = file
        batch = try Self.batch(file, specification.head)
        outputGradient = try file.tensors["output_gradient"].map { try Self.floats(file, $0.name) }
        try specification.validate()
        try batch.validate(specification)
    }

    private static func specification(_ folder: ModelFolder) throws -> ModelSpecification {
        let configuration = folder.configuration
        switch configuration.purpose.classSuffix {
        case ModelPurpose.sequenceClassification: return configuration.classifier()
        case TokenClassification.transformersClass: return configuration.tokenClassifier
        case MaskedLanguageModel.transformersClass:
            try configuration.requireMaskedLanguageModel()
            return configuration.maskedLanguageModel
        default:
            let head = SentenceEmbedding(width: configuration.encoder.hidden, pooling: .mean, normalizes: false)
            return ModelSpecification(encoder: configuration.encoder, head: head, objective: CosineSimilarity())
        }
    }

    private static func batch(_ file: SafetensorsFile, _ head: any Head) throws -> PackedBatch {
        let (ids, mask) = (try integers(file, "input_ids"), try integers(file, "attention_mask"))
        let types = try integers(file, "token_type_ids")
        let labels = file.tensors["labels"] == nil ? [] : try integers(file, "labels")
        let shape = try #require(file.tensors["input_ids"]?.shape)
        var batch = PackedBatch()
        for s in 0..<shape[0] {
            let kept = (s * shape[1]..<(s + 1) * shape[1]).filter { mask[$0] == 1 }
            let target: Target =
                if labels.isEmpty {
                    .values([0])
                } else if head.isPerToken {
                    .tokens(kept.map { labels[$0] == -100 ? Target.ignored : labels[$0] })
                } else {
                    .classIndex(labels[s])
                }
            batch.append(
                tokenIDs: kept.map { ids[$0] }, typeIDs: kept.map { types[$0] }, sampleKey: UInt32(3 * s),
                target: target)
        }
        return batch
    }

    /// A model with the folder's weights.
    func model(_ precision: Precision = .float32, recomputes: Bool = false) -> Model {
        let weights = ModelWeights(master: loaded.weights, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        return Model(specification, layout: layout, weights: weights, recomputes: recomputes)
    }

    /// The gradient of the summed loss, with the whole of the word embedding's, and that loss.
    func gradient(_ model: Model, dropout: DropoutPlan? = nil) throws -> (values: [Float], loss: Double) {
        let sink = FlatGradient(count: layout.count)
        let rows = layout.rowTable == nil ? [] : (0..<layout.words.rowCount).map { Int32($0) }
        let loss = try model.gradient(
            batch, dropout: dropout, embeddingRows: rows, outputGradient: outputGradient, into: sink)
        guard let outputGradient else { return (sink.values, loss.sum) }
        return (sink.values, zip(loss.outputs, outputGradient).reduce(0) { $0 + Double($1.0) * Double($1.1) })
    }

    /// What a summed loss is divided by.
    var divisor: Double { outputGradient == nil ? specification.objective.weight(of: batch.targets) : 1 }

    /// The parameters as the family's files have them.
    var stored: [Parameter] { folder.family.stored(layout.parameters) }

    /// The name that the family gives a tensor.
    func name(_ parameter: Parameter) -> String { folder.family.tensorName(parameter.id) }

    /// The values of a tensor of the reference.
    func floats(_ name: String) throws -> [Float] { try Self.floats(file, name) }

    /// The gradient of a tensor in the reference.
    func expectedGradient(_ parameter: Parameter) throws -> [Float] {
        // The file of a bare encoder has names without the family's prefix.
        let stored = folder.family.storedName(parameter.id) { file.tensors["grad." + $0] != nil }
        return try floats("grad." + (stored ?? name(parameter)))
    }

    private static func floats(_ file: SafetensorsFile, _ name: String) throws -> [Float] {
        var values = [Float](repeating: 0, count: file.tensors[name]?.count ?? 0)
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
