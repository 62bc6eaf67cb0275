import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Products work on more rows than a micro-batch has: what stands in the others must not matter.
@Suite struct PaddedRowsTests {
    private static func batch(sequences: Int, length: Int) -> PackedBatch {
        var batch = PackedBatch()
        for s in 0..<sequences {
            let ids = (0..<(length + s % 3)).map { Int32(($0 * 7 + s * 3) % 40) }
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(s), target: .classIndex(Int32(s % 3)))
        }
        return batch
    }

    @Test(arguments: Precision.allCases.filter { $0.unsupportedReason == nil }, [false, true])
    func `no value that an earlier micro-batch left reaches a result`(precision: Precision, recomputes: Bool) throws {
        let specification = ModelConfiguration.tiny().classifier()
        let layout = ParameterLayout(specification)
        let master = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let part = UnsafeMutableBufferPointer(start: master.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.2, seed: 3, stream: parameter.id.initializationStream)
        }
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        func model() -> Model { Model(specification, layout: layout, weights: weights, recomputes: recomputes) }
        let rate = DropoutRate(0.1)
        let dropout = DropoutPlan(seed: 1, step: 2, hidden: rate, attention: rate, head: rate)
        let rows = Array(Int32(0)..<40)
        func result(_ model: Model) throws -> (loss: Model.Loss, gradient: [Float], outputs: [Float]) {
            let small = Self.batch(sequences: 13, length: 11)
            let sink = FlatGradient(count: layout.count)
            #expect(Matmul.paddedRows(small.tokenCount) > small.tokenCount, "nothing is padded")
            let loss = try model.gradient(small, dropout: dropout, embeddingRows: rows, into: sink)
            return (loss, Array(sink.values), model.outputs(small))
        }
        let expected = try result(model())
        // Every activation and gradient of a larger micro-batch is NaN, and stays in the memory of the next one.
        let poisoned = model()
        let large = Self.batch(sequences: 40, length: 13)
        let kept = (0..<layout.count).map { master.pointer[$0] }
        for parameter in layout.parameters where parameter.id != .embedding(.words) {
            for i in parameter.range { master.pointer[i] = .nan }
        }
        weights.updateRoundedCopy()
        let loss = try poisoned.gradient(
            large, dropout: dropout, embeddingRows: rows, into: FlatGradient(count: layout.count))
        #expect(loss.sum.isNaN && loss.outputs.allSatisfy(\.isNaN))
        for i in 0..<layout.count { master.pointer[i] = kept[i] }
        weights.updateRoundedCopy()
        let found = try result(poisoned)
        #expect(found.loss == expected.loss && found.outputs == expected.outputs)
        #expect(found.gradient.map(\.bitPattern) == expected.gradient.map(\.bitPattern))
    }
}
