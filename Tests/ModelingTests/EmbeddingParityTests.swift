import Checkpoint
import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Embeddings of pairs and the loss on their cosine, against sentence-transformers: `Fixtures/export_embedding.py`.
@Suite struct EmbeddingParityTests {
    private struct Case {
        let specification: ModelSpecification
        let layout: ParameterLayout
        let master: FloatBuffer
        let file: SafetensorsFile
        let batch: PackedBatch

        init(_ name: String, _ pooling: TokenPooling, normalizes: Bool) throws {
            let folder = try ModelFolder(path: try Fixture.path(name))
            let file = try SafetensorsFile(path: folder.path + "/reference.safetensors")
            let encoder = folder.configuration.encoder
            specification = ModelSpecification(
                encoder: encoder,
                head: SentenceEmbedding(width: encoder.hidden, pooling: pooling, normalizes: normalizes),
                objective: CosineSimilarity())
            layout = ParameterLayout(specification)
            let loaded = try WeightLoader.load(folder, specification, layout: layout, missingHead: .fail)
            #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
            master = loaded.weights
            let scores = try Self.floats(file, "labels")
            let sides = try (0..<2).map { side in
                let (ids, mask) = (
                    try Self.integers(file, "input_ids.\(side)"), try Self.integers(file, "attention_mask.\(side)")
                )
                let width = ids.count / scores.count
                return scores.indices.map { pair in
                    (pair * width..<(pair + 1) * width).filter { mask[$0] == 1 }.map { ids[$0] }
                }
            }
            var batch = PackedBatch()
            for (pair, score) in scores.enumerated() {
                for side in 0..<2 {
                    let ids = sides[side][pair]
                    batch.append(
                        tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(2 * pair + side),
                        target: .values([score]))
                }
            }
            (self.file, self.batch) = (file, batch)
            try batch.validate(specification)
        }

        func model(_ precision: Precision = .float32, recomputes: Bool = false) -> Model {
            let weights = ModelWeights(master: master, layout: layout, precision: precision)
            weights.updateRoundedCopy()
            return Model(specification, layout: layout, weights: weights, recomputes: recomputes)
        }

        func gradient(_ model: Model) throws -> (loss: Double, sink: FlatGradient) {
            let sink = FlatGradient(count: layout.count)
            let rows = Set(batch.tokenIDs).sorted()
            let loss = try model.gradient(batch, dropout: nil, embeddingRows: rows, into: sink)
            return (loss.sum / specification.objective.weight(of: batch.targets), sink)
        }

        /// The gradient of the mean loss by a parameter, as the reference has it.
        func gradient(of parameter: Parameter, _ sink: FlatGradient) -> [Float] {
            let pairs = Float(specification.objective.weight(of: batch.targets))
            guard parameter.offset >= layout.denseCount else { return sink.values[parameter.range].map { $0 / pairs } }
            // The word embedding's rows stand there for the tokens of the batch alone.
            let width = specification.encoder.hidden
            var all = [Float](repeating: 0, count: parameter.count)
            for (place, id) in Set(batch.tokenIDs).sorted().enumerated() {
                for i in 0..<width {
                    all[Int(id) * width + i] = sink.values[parameter.offset + place * width + i] / pairs
                }
            }
            return all
        }

        static func floats(_ file: SafetensorsFile, _ name: String) throws -> [Float] {
            var values = [Float](repeating: 0, count: try #require(file.tensors[name]).count)
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

    private static let cases: [(String, TokenPooling, Bool)] = [
        ("embedding-mean", .mean, false), ("embedding-max", .max, true),
    ]

    /// The Euclidean norm of `a`, or of its difference to `b`.
    private func norm(_ a: [Float], _ b: [Float]? = nil) -> Double {
        var sum = 0.0
        for (i, value) in a.enumerated() {
            let difference = Double(value) - Double(b?[i] ?? 0)
            sum += difference * difference
        }
        return sum.squareRoot()
    }

    @Test(arguments: cases)
    func `embeddings, loss and every gradient equal the reference`(
        name: String, pooling: TokenPooling, normalizes: Bool
    ) throws {
        let reference = try Case(name, pooling, normalizes: normalizes)
        let model = reference.model()
        let outputs = model.outputs(reference.batch)
        let width = reference.specification.encoder.hidden
        for side in 0..<2 {
            let expected = try Case.floats(reference.file, "embeddings.\(side)")
            for (place, value) in expected.enumerated() {
                let found = outputs[(2 * (place / width) + side) * width + place % width]
                #expect(abs(found - value) < 1e-5)
            }
        }
        let (loss, sink) = try reference.gradient(model)
        let expectedLoss = Double(try Case.floats(reference.file, "loss")[0])
        #expect(abs(loss - expectedLoss) < 1e-6)
        #expect(sink.finished == Array(0...reference.layout.buckets.count))
        for parameter in reference.layout.parameters {
            let tensor = BERT.tensorName(parameter.id).replacing("bert.", with: "")
            let expected = try Case.floats(reference.file, "grad.\(tensor)")
            let found = reference.gradient(of: parameter, sink)
            #expect(found.count == expected.count)
            #expect(norm(found, expected) <= 1e-3 * norm(expected) + 1e-6, "\(tensor)")
        }
        let report = model.evaluate(reference.batch).report(labels: [])
        #expect(abs(report.loss - expectedLoss) < 1e-6 && report.examples == 4)
    }

    @Test(arguments: cases)
    func `bf16 is near, and recomputing changes no bit`(
        name: String, pooling: TokenPooling, normalizes: Bool
    ) throws {
        let reference = try Case(name, pooling, normalizes: normalizes)
        let exact = try reference.gradient(reference.model())
        for precision in Precision.allCases where precision.unsupportedReason == nil {
            let kept = try reference.gradient(reference.model(precision))
            let recomputed = try reference.gradient(reference.model(precision, recomputes: true))
            #expect(kept.loss == recomputed.loss && kept.sink.values == recomputed.sink.values)
            #expect(abs(kept.loss - exact.loss) <= 3e-2 * exact.loss)
            #expect((kept.loss == exact.loss) == (precision == .float32))
        }
    }
}
