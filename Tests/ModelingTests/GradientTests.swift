import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Properties of the backward pass that need no reference.
@Suite struct GradientTests {
    private let configuration = ModelConfiguration.tiny()

    private func model(
        smoothing: Double = 0, positionOffset: Int = 0, segments: Int = 2
    ) -> (Model, FloatBuffer) {
        var specification = configuration.classifier(objective: CrossEntropy(labelSmoothing: smoothing))
        specification.encoder.positions = .absolute(rows: 16, offset: positionOffset)
        specification.encoder.segments = segments
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: UInt32(i))
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
        batch.append(tokenIDs: [1], typeIDs: [0], sampleKey: 11, target: .classIndex(1))
        return batch
    }

    private var dropout: DropoutPlan {
        DropoutPlan(
            seed: 42, step: 6, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1))
    }

    /// The products of a forward and a backward pass in which these parts are trained, on one sequence.
    private func products(training parts: Set<ModelPart>?) throws -> Int {
        var specification = configuration.classifier()
        if let parts { specification.trainable = try .training(parts, of: specification.encoder) }
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        let model = Model(
            specification, layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32))
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7, target: .classIndex(2))
        let sink = FlatGradient(count: layout.count)
        _ = try model.gradient(batch, dropout: nil, embeddingRows: [1, 2, 5, 9], into: sink)
        withExtendedLifetime(sink) {}
        return model.productCount
    }

    /// Of the tiny model's layers: four linear layers have a product for the gradient of their weights each, and one
    /// for that of their inputs; attention has four products a head in the backward pass, and two in the forward pass.
    @Test func `what is frozen costs no products`() throws {
        let all = try products(training: nil)
        let encoder = configuration.encoder
        let top = encoder.layers.count - 1
        let weightsOfLayer = all - (try products(training: Set(ModelPart.all(of: encoder)).subtracting([.layer(top)])))
        #expect((3...6).contains(weightsOfLayer), "the products of weights alone: \(weightsOfLayer)")
        // Below the lowest trained layer nothing is computed: all of its backward pass is saved.
        let withBottom = try products(training: [.head, .layer(top), .layer(0)])
        let withoutBottom = try products(training: [.head, .layer(top)])
        #expect(withBottom - withoutBottom > 2 * weightsOfLayer)
        // Nor are products for the inputs of the lowest trained layer, which the embeddings would need.
        let withEmbeddings = try products(training: Set(ModelPart.all(of: encoder)).subtracting([.words]))
        #expect(all == withEmbeddings && withBottom < all)
        // The head alone: the forward pass, and the products of its own weights.
        let head = try products(training: [.head])
        #expect(head < withoutBottom - weightsOfLayer)
    }

    /// With dropout the loss is still a smooth function, since the masks are fixed by their key.
    @Test(arguments: [false, true], [0, 0.1])
    func `gradients equal finite differences`(withDropout: Bool, smoothing: Double) throws {
        let (model, weights) = model(smoothing: smoothing)
        try expectGradients(of: model, weights, dropout: withDropout ? dropout : nil)
    }

    /// The features in which families differ.
    @Test(arguments: [(2, 2), (0, 0), (2, 0)])
    func `gradients equal finite differences with positions from a later row on, and without segments`(
        positionOffset: Int, segments: Int
    ) throws {
        let (model, weights) = model(positionOffset: positionOffset, segments: segments)
        try expectGradients(of: model, weights, dropout: dropout)
        #expect(model.layout.parameters.contains { $0.id == .embedding(.segments) } == (segments > 0))
    }

    private func expectGradients(of model: Model, _ weights: FloatBuffer, dropout plan: DropoutPlan?) throws {
        let rows = Set(batch.tokenIDs).sorted()
        func loss() throws -> Double {
            try model.gradient(
                batch, dropout: plan, embeddingRows: rows,
                into: FlatGradient(count: model.layout.count)
            ).sum
        }
        let sink = FlatGradient(count: model.layout.count)
        _ = try model.gradient(batch, dropout: plan, embeddingRows: rows, into: sink)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        for parameter in model.layout.parameters {
            for _ in 0..<3 {
                var i = random.next(below: parameter.count)
                var gradient = sink.values[parameter.offset + i]
                if parameter.offset == model.layout.denseCount {
                    let row = random.next(below: rows.count)
                    let column = random.next(below: 24)
                    i = Int(rows[row]) * 24 + column
                    gradient = sink.values[parameter.offset + row * 24 + column]
                }
                let place = weights.pointer + parameter.offset + i
                let saved = place.pointee
                place.pointee = saved + 4e-3
                let up = try loss()
                place.pointee = saved - 4e-3
                let down = try loss()
                place.pointee = saved
                let difference = (up - down) / 8e-3
                #expect(
                    abs(Double(gradient) - difference) < 3e-3 * max(1, abs(difference)),
                    "\(BERT.tensorName(parameter.id))[\(i)]")
            }
        }
    }

    @Test func `a sample's logits do not depend on its neighbours`() throws {
        let (model, _) = model()
        let together = model.outputs(batch)
        for s in 0..<batch.sequenceCount {
            let range = Int(batch.offsets[s])..<Int(batch.offsets[s + 1])
            var alone = PackedBatch()
            alone.append(
                tokenIDs: Array(batch.tokenIDs[range]), typeIDs: Array(batch.typeIDs[range]),
                sampleKey: batch.sampleKeys[s])
            let logits = model.outputs(alone)
            for c in 0..<3 { #expect(abs(logits[c] - together[s * 3 + c]) < 1e-5) }
        }
    }

    @Test func `dropout masks depend on seed, step and sample alone`() throws {
        let (model, _) = model()
        let rows = Set(batch.tokenIDs).sorted()
        func logits(_ batch: PackedBatch, seed: UInt64 = 42, step: UInt64 = 6) throws -> [Float] {
            let plan = DropoutPlan(
                seed: seed, step: step, hidden: DropoutRate(0.2), attention: DropoutRate(0.3),
                head: DropoutRate(0.1))
            return try model.gradient(
                batch, dropout: plan, embeddingRows: rows,
                into: FlatGradient(count: model.layout.count)
            ).outputs
        }
        let all = try logits(batch)
        var second = PackedBatch()
        second.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: 3, target: .classIndex(0))
        let alone = try logits(second)
        for c in 0..<3 { #expect(abs(alone[c] - all[3 + c]) < 1e-5, "the same masks at another place of a batch") }
        #expect(try logits(batch) == all)
        #expect(try logits(batch, seed: 43) != all)
        #expect(try logits(batch, step: 7) != all)
    }

    @Test func `memory of a larger batch does not leak into a smaller one`() throws {
        let (model, _) = model()
        let (fresh, _) = self.model()
        var large = PackedBatch()
        for s in 0..<9 {
            large.append(
                tokenIDs: (0..<16).map { Int32(($0 * 7 + s) % 40) }, typeIDs: [Int32](repeating: 1, count: 16),
                sampleKey: UInt32(s), target: .classIndex(1))
        }
        let rows = Array(Int32(0)..<40)
        _ = try model.gradient(
            large, dropout: dropout, embeddingRows: rows,
            into: FlatGradient(count: model.layout.count))
        let (a, b) = (FlatGradient(count: model.layout.count), FlatGradient(count: model.layout.count))
        _ = try model.gradient(batch, dropout: dropout, embeddingRows: rows, into: a)
        _ = try fresh.gradient(batch, dropout: dropout, embeddingRows: rows, into: b)
        #expect(a.values == b.values)
    }

    @Test func `an empty row list is refused`() throws {
        let (model, _) = model()
        #expect(throws: ModelError.self) {
            try model.gradient(
                batch, dropout: nil, embeddingRows: [1, 2],
                into: FlatGradient(count: model.layout.count))
        }
    }

    @Test func `batches from outside are checked`() throws {
        let model = configuration.classifier()
        try batch.validate(model)
        func refused(_ change: (inout PackedBatch) -> Void) {
            var bad = batch
            change(&bad)
            #expect(throws: ModelError.self) { try bad.validate(model) }
        }
        refused { $0.tokenIDs[3] = 40 }
        refused { $0.tokenIDs[3] = -1 }
        refused { $0.typeIDs[0] = 2 }
        refused { $0.typeIDs.removeLast() }
        refused { $0.offsets[1] = 0 }
        refused { $0.offsets[1] = .min }
        refused { $0.offsets[1] = .max }
        refused { $0.offsets[0] = 1 }
        refused { $0.offsets.removeLast() }
        refused { $0.offsets = [] }
        refused { $0.targets = .classes([3, 0, 1]) }
        refused { $0.targets = .classes([2, 0]) }
        refused { $0.targets = .classes([-1, 0, 1]) }
        refused { $0.sampleKeys.removeLast() }
        refused {
            $0 = PackedBatch()
            $0.append(
                tokenIDs: [Int32](repeating: 1, count: 17), typeIDs: [Int32](repeating: 0, count: 17), sampleKey: 0)
        }
    }

    @Test func `a head that is missing is drawn from the seed`() throws {
        let layout = ParameterLayout(configuration.classifier())
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 20_000)
        defer { values.deallocate() }
        WeightLoader.drawNormal(values, deviation: 0.02, seed: 3, stream: 1)
        let mean = values.reduce(0.0) { $0 + Double($1) } / 20_000
        let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / 20_000
        #expect(abs(mean) < 6e-4)
        #expect(abs(variance.squareRoot() - 0.02) < 4e-4)
        #expect(layout.parameters.first.map { BERT.tensorName($0.id) } == "classifier.weight")
        #expect(layout.parameters.last.map { BERT.tensorName($0.id) } == "bert.embeddings.word_embeddings.weight")
    }
}
