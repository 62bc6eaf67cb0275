import Numerics
import TestSupport
import Testing

@testable import Modeling

/// The head of embeddings, and the loss on the cosine of pairs.
@Suite struct SentenceEmbeddingTests {
    private func model(
        _ pooling: TokenPooling, normalizes: Bool, _ trainable: TrainableSet = .all
    ) -> (Model, FloatBuffer) {
        let specification = ModelSpecification(
            encoder: ModelConfiguration.tiny().encoder,
            head: SentenceEmbedding(width: 24, pooling: pooling, normalizes: normalizes), objective: CosineSimilarity(),
            trainable: trainable)
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: UInt32(i))
            // Around 1 for LayerNorms: else all texts are nearly alike, and all gradients nearly 0.
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
        for (pair, target) in [Float(0.9), 0.25].enumerated() {
            let key = UInt32(2 * pair)
            batch.append(
                tokenIDs: [1, 5, 9 + Int32(pair), 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: key,
                target: .values([target]))
            batch.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: key + 1, target: .values([target]))
        }
        return batch
    }

    private func cosine(_ outputs: [Float], _ pair: Int) -> Double {
        let rows = (0..<2).map {
            Array(outputs[((2 * pair + $0) * 24)..<((2 * pair + $0 + 1) * 24)]).map { Double($0) }
        }
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        return dot(rows[0], rows[1]) / (dot(rows[0], rows[0]) * dot(rows[1], rows[1])).squareRoot()
    }

    @Test(arguments: TokenPooling.allCases, [false, true])
    func `gradients equal finite differences`(pooling: TokenPooling, normalizes: Bool) throws {
        let (model, weights) = model(pooling, normalizes: normalizes)
        let rows = Set(batch.tokenIDs).sorted()
        func run() throws -> (Model.Loss, FlatGradient) {
            let sink = FlatGradient(count: model.layout.count)
            return (try model.gradient(batch, dropout: nil, embeddingRows: rows, into: sink), sink)
        }
        let (loss, gradient) = try run()
        let errors = [cosine(loss.outputs, 0) - 0.9, cosine(loss.outputs, 1) - 0.25]
        #expect(abs(loss.sum - errors.reduce(0) { $0 + $1 * $1 }) < 1e-6)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        var largest = 0.0
        for parameter in model.layout.parameters where parameter.offset < model.layout.denseCount {
            for _ in 0..<3 {
                let place = parameter.offset + random.next(below: parameter.count)
                let saved = weights.pointer[place]
                weights.pointer[place] = saved + 2e-3
                let up = try run().0.sum
                weights.pointer[place] = saved - 2e-3
                let down = try run().0.sum
                weights.pointer[place] = saved
                let difference = (up - down) / 4e-3
                largest = max(largest, abs(difference))
                #expect(
                    abs(Double(gradient.values[place]) - difference) < 3e-4 + 2e-2 * abs(difference),
                    "\(BERT.tensorName(parameter.id))")
            }
        }
        #expect(largest > 1e-2)
    }

    @Test func `embeddings have length 1 where they are normalized`() throws {
        for normalizes in [false, true] {
            let (model, _) = model(.mean, normalizes: normalizes)
            let outputs = model.outputs(batch)
            for s in 0..<4 {
                let length = outputs[(24 * s)..<(24 * s + 24)].reduce(0) { $0 + $1 * $1 }.squareRoot()
                #expect((abs(length - 1) < 1e-6) == normalizes)
            }
        }
    }

    @Test func `pairs are counted, not texts`() throws {
        let (model, _) = model(.mean, normalizes: true)
        let part = model.evaluate(batch)
        let outputs = model.outputs(batch)
        let errors = [cosine(outputs, 0) - 0.9, cosine(outputs, 1) - 0.25]
        let report = part.report(labels: [])
        #expect(report.examples == 2)
        #expect(abs(report.loss - (errors[0] * errors[0] + errors[1] * errors[1]) / 2) < 1e-6)
        #expect(report.primary.kind.key == "spearman" && abs(abs(report.primary.value) - 1) < 1e-9)
        let back = try EvaluationPart(
            losses: part.losses, targetCounts: part.targetCounts, json: part.metricsJSON(),
            head: model.specification.head)
        #expect(back.report(labels: []) == report)
        #expect(throws: ModelError.self) {
            try EvaluationPart(losses: [0], json: part.metricsJSON(), head: model.specification.head)
        }
    }

    @Test func `a head without parameters has no bucket, and travels as JSON`() throws {
        let (model, _) = model(.max, normalizes: false)
        #expect(model.layout.headBucket == nil)
        #expect(model.layout.buckets.allSatisfy { !$0.isEmpty } && model.layout.buckets.first?.lowerBound == 0)
        let json = model.specification.json()
        #expect(json.contains(#""head":{"kind":"sentence-embedding","normalizes":false,"pooling":"max","width":24}"#))
        #expect(try ModelSpecification(json: json).json() == json)
        for (old, new) in [("\"width\":24", "\"width\":25"), ("\"max\"", "\"sum\""), ("\"width\":24", "\"width\":-1")] {
            #expect(throws: ModelError.self) { try ModelSpecification(json: json.replacing(old, with: new)) }
        }
        let classifier = ModelConfiguration.tiny().classifier(objective: CosineSimilarity())
        #expect(throws: ModelError.self) { try classifier.validate() }
    }

    @Test func `targets that are not those of pairs are refused`() throws {
        let specification = model(.mean, normalizes: true).0.specification
        for targets in [
            Targets.classes([1, 2]), .values([1, 1, 1], width: 1), .values([1, 1], width: 2),
            .values([1, 0], width: 1),
            .tokens([1, 1]),
        ] {
            #expect(throws: ModelError.self) {
                try specification.head.validate(targets)
                try specification.objective.validate(targets)
            }
        }
    }
}
