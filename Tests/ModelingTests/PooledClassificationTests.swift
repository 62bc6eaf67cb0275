import Numerics
import TestSupport
import Testing

@testable import Modeling

/// The classifier on embeddings.
@Suite struct PooledClassificationTests {
    private func model(_ pooling: TokenPooling, normalizes: Bool) -> (Model, FloatBuffer) {
        let specification = ModelSpecification(
            encoder: ModelConfiguration.tiny().encoder,
            head: PooledClassification(labels: 3, pooling: pooling, normalizes: normalizes, dropout: 0.2),
            objective: CrossEntropy())
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: UInt32(i))
            switch parameter.id {
            case .embeddingNorm(.weight), .layer(_, .attentionNorm, .weight), .layer(_, .outputNorm, .weight):
                for i in part.indices { part[i] += 1 }
            default: break
            }
        }
        return (
            Model(
                specification, layout: layout,
                weights: ModelWeights(master: weights, layout: layout, precision: .float32)), weights
        )
    }

    private var batch: PackedBatch {
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7, target: .classIndex(2))
        batch.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: 3, target: .classIndex(0))
        batch.append(tokenIDs: [1, 17, 30, 2], typeIDs: [0, 0, 0, 0], sampleKey: 11, target: .classIndex(1))
        return batch
    }

    /// With dropout the loss is still smooth, since its masks are fixed by their keys.
    @Test(arguments: TokenPooling.allCases, [false, true])
    func `gradients equal finite differences`(pooling: TokenPooling, normalizes: Bool) throws {
        let (model, weights) = model(pooling, normalizes: normalizes)
        let rows = Set(batch.tokenIDs).sorted()
        let dropout = DropoutPlan(
            seed: 42, step: 6, hidden: DropoutRate(0), attention: DropoutRate(0), head: DropoutRate(0.2))
        func run() throws -> (Double, FlatGradient) {
            let sink = FlatGradient(count: model.layout.count)
            return (try model.gradient(batch, dropout: dropout, embeddingRows: rows, into: sink).sum, sink)
        }
        let gradient = try run().1
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        var largest = 0.0
        for parameter in model.layout.parameters where parameter.offset < model.layout.denseCount {
            for _ in 0..<4 {
                let place = parameter.offset + random.next(below: parameter.count)
                let saved = weights.pointer[place]
                weights.pointer[place] = saved + 2e-3
                let up = try run().0
                weights.pointer[place] = saved - 2e-3
                let down = try run().0
                weights.pointer[place] = saved
                let difference = (up - down) / 4e-3
                largest = max(largest, abs(difference))
                #expect(
                    abs(Double(gradient.values[place]) - difference) < 1e-3 + 2e-2 * abs(difference),
                    "\(BERT.tensorName(parameter.id))")
            }
        }
        #expect(largest > 1e-2)
    }

    /// What is written into the flat vector is what is computed with: logits are products of the embeddings.
    @Test func `logits are those of the linear classifier on the embeddings`() throws {
        let (model, weights) = model(.mean, normalizes: true)
        let layout = model.layout
        let values = (0..<(3 * 24)).map { Float($0 % 7) / 7 - 0.4 }
        PooledClassification.write(weights: values, bias: [0.5, -1, 0], to: weights, layout)
        let embedding = ModelSpecification(
            encoder: ModelConfiguration.tiny().encoder,
            head: TextEmbedding(SentenceEmbedding(width: 24, pooling: .mean, normalizes: true)),
            objective: NoObjective())
        let bare = ParameterLayout(embedding)
        let encoder = try WeightTransition.weights(
            of: embedding, layout: bare,
            from: WeightTransition.State(model: model.specification, layout: layout, weights: weights), seed: 1)
        let rows = Model(
            embedding, layout: bare, weights: ModelWeights(master: encoder, layout: bare, precision: .float32)
        ).outputs(batch)
        let logits = Model(
            model.specification, layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32)
        ).outputs(batch)
        for text in 0..<3 {
            for label in 0..<3 {
                var sum = [Float(0.5), -1, 0][label]
                for i in 0..<24 { sum += rows[24 * text + i] * values[24 * label + i] }
                #expect(abs(logits[3 * text + label] - sum) < 1e-5)
            }
        }
    }
}
