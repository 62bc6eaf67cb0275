import Numerics
import TestSupport
import Testing

@testable import Modeling

@Suite struct RecomputationTests {
    private static let precisions = Precision.allCases.filter { $0.unsupportedReason == nil }

    private func configuration(layers: Int) -> ModelConfiguration {
        .tiny(vocabulary: 60, hidden: 64, layers: layers, heads: 4, positions: 40)
    }

    private func batch(seed: Int) -> PackedBatch {
        var batch = PackedBatch()
        for (s, length) in [31, 7, 18, 1].enumerated() {
            let ids = (0..<length).map { Int32(($0 * 7 + s * 3 + seed) % 60) }
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(s + seed),
                target: .classIndex(Int32(s % 3)))
        }
        return batch
    }

    private struct Outcome: Equatable {
        var losses: [Model.Loss] = []
        var gradients: [[Float]] = []
        var activationBytes = 0
    }

    /// Two micro-batches, one after the other in the same memory.
    private func run(_ precision: Precision, layers: Int, dropout: Float, recomputes: Bool) throws -> Outcome {
        let configuration = configuration(layers: layers)
        let layout = ParameterLayout(configuration.classifier())
        let master = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: master.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.15, seed: 4, stream: UInt32(i))
        }
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        let model = Model(
            configuration.classifier(), layout: layout, weights: weights, recomputes: recomputes)
        let rate = DropoutRate(dropout)
        let plan = DropoutPlan(seed: 1, step: 2, hidden: rate, attention: rate, head: rate)
        let rows = (0..<60).map { Int32($0) }
        var outcome = Outcome()
        for seed in 0..<2 {
            let sink = FlatGradient(count: layout.count)
            outcome.losses.append(
                try model.gradient(
                    batch(seed: seed), dropout: plan, embeddingRows: rows, into: sink))
            outcome.gradients.append(Array(sink.values))
        }
        outcome.activationBytes = model.activationBytes
        return outcome
    }

    @Test(arguments: [1, 2, 3, 6], precisions)
    func `what is computed again has the same bits`(layers: Int, precision: Precision) throws {
        for dropout in [Float(0), 0.2] {
            let kept = try run(precision, layers: layers, dropout: dropout, recomputes: false)
            let again = try run(precision, layers: layers, dropout: dropout, recomputes: true)
            #expect(kept.losses == again.losses)
            #expect(kept.gradients == again.gradients)
            #expect(kept.gradients[0].contains { $0 != 0 })
        }
    }

    @Test(arguments: precisions)
    func `a layer more costs its output alone`(precision: Precision) throws {
        func bytes(_ layers: Int, _ recomputes: Bool) throws -> Int {
            try run(precision, layers: layers, dropout: 0.1, recomputes: recomputes).activationBytes
        }
        #expect(try Double(bytes(6, true)) < 0.6 * Double(bytes(6, false)))
        let perLayer = try Double(bytes(10, true) - bytes(6, true)) / 4
        #expect(try perLayer < 0.3 * Double(bytes(10, false) - bytes(6, false)) / 4)
    }
}
