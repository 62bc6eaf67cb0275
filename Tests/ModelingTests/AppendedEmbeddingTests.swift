import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Outputs of a classifier on embeddings that have these behind the logits.
@Suite struct AppendedEmbeddingTests {
    private func outputs(_ head: any Head, _ batch: PackedBatch) -> [Float] {
        let specification = ModelSpecification(encoder: ModelConfiguration.tiny().encoder, head: head)
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        // Weights by their place in the encoder, which comes last in both vectors, and of the classifier by its own.
        for parameter in layout.parameters {
            for i in 0..<parameter.count {
                weights.pointer[parameter.offset + i] =
                    parameter.id.isNormScale ? 1 : Float((i * 37 + parameter.count * 11) % 41) / 100 - 0.2
            }
        }
        return Model(
            specification, layout: layout, weights: ModelWeights(master: weights, layout: layout, precision: .float32)
        ).outputs(batch)
    }

    @Test func `rows are the logits and then the embedding`() throws {
        var batch = PackedBatch()
        for (key, ids) in [[2, 9, 3], [2, 11, 17, 4, 3], [2, 3]].enumerated() as EnumeratedSequence<[[Int32]]> {
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(key), target: .none)
        }
        var head = PooledClassification(labels: 3, pooling: .mean, normalizes: true)
        let logits = outputs(head, batch)
        let embeddings = outputs(SentenceEmbedding(width: 24, pooling: .mean, normalizes: true), batch)
        head.appendedWidth = 24
        let both = outputs(head, batch)
        #expect(logits.count == 9 && embeddings.count == 72 && both.count == 81 && head.outputWidth == 27)
        for s in 0..<3 {
            #expect(Array(both[(27 * s)..<(27 * s + 3)]) == Array(logits[(3 * s)..<(3 * s + 3)]))
            #expect(Array(both[(27 * s + 3)..<(27 * s + 27)]) == Array(embeddings[(24 * s)..<(24 * s + 24)]))
        }
        // It stays where it was asked for, and must fit.
        let read = try JSONDecoder().decode(PooledClassification.self, from: JSONEncoder().encode(head))
        #expect(read.appendedWidth == 0 && read.labels == 3)
        head.appendedWidth = 23
        #expect(throws: ModelError.self) { try head.validate(ModelConfiguration.tiny().encoder) }
    }
}
