import Numerics
import TestSupport
import Testing

@testable import Modeling

@Suite(.enabled(if: Matmul.hasBFloat16, "this processor multiplies no bfloat16")) struct PrecisionTests {
    private let configuration = ModelConfiguration.tiny(
        vocabulary: 60, hidden: 64, layers: 3, heads: 4, positions: 40)

    /// Collects the flat gradient of one micro-batch.
    private final class Collector: GradientSink {
        let buffer: FloatBuffer
        init(count: Int) { buffer = FloatBuffer(count: count) }
        func reserve(offset: Int, count: Int) -> UnsafeMutablePointer<Float> { buffer.pointer + offset }
        func commit() {}
        func finish(bucket: Int) {}
    }

    private var batch: PackedBatch {
        var batch = PackedBatch()
        for (s, length) in [31, 7, 18, 1].enumerated() {
            let ids = (0..<length).map { Int32(($0 * 7 + s * 3) % 60) }
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(s), target: .classIndex(Int32(s % 3)))
        }
        return batch
    }

    private func run(
        _ precision: Precision, dropout: Float
    ) throws -> (logits: [Float], inference: [Float], loss: Double, gradient: [Float], layout: ParameterLayout) {
        let layout = ParameterLayout(configuration.classifier())
        let master = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: master.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.15, seed: 4, stream: UInt32(i))
            if parameter.id.isNormScale { for j in part.indices { part[j] += 1 } }
        }
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        let model = Model(
            configuration.classifier(), layout: layout, weights: weights)
        let rate = DropoutRate(dropout)
        let plan = DropoutPlan(seed: 1, step: 2, hidden: rate, attention: rate, head: rate)
        let rows = (0..<60).map { Int32($0) }
        let sink = Collector(count: layout.denseCount + 60 * configuration.encoder.hidden)
        let loss = try model.gradient(batch, dropout: plan, embeddingRows: rows, into: sink)
        return (loss.outputs, model.outputs(batch), loss.sum, Array(sink.buffer.elements), layout)
    }

    @Test(arguments: [Float(0), 0.2])
    func `bf16 gives the logits and gradients of float32, nearly`(dropout: Float) throws {
        let reference = try run(.float32, dropout: dropout)
        let result = try run(.bf16, dropout: dropout)
        #expect(result.logits != reference.logits)
        func distance(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double {
            var (difference, norm) = (0.0, 0.0)
            for (x, y) in zip(a, b) {
                difference += Double(x - y) * Double(x - y)
                norm += Double(y) * Double(y)
            }
            return (difference / max(norm, 1e-20)).squareRoot()
        }
        #expect(distance(result.logits, reference.logits) < 0.03)
        #expect(distance(result.inference, reference.inference) < 0.03)
        #expect(abs(result.loss - reference.loss) < 0.03 * reference.loss)
        for parameter in reference.layout.parameters where !BERT.tensorName(parameter.id).hasSuffix("key.bias") {
            // The gradient of a key's bias is zero but for rounding: softmax does not see what is added to a row.
            let range = parameter.offset..<min(parameter.offset + parameter.count, reference.gradient.count)
            let d = distance(result.gradient[range], reference.gradient[range])
            #expect(d < 0.06, "\(BERT.tensorName(parameter.id)): \(d)")
        }
    }

    @Test func `bf16 gives the same bits every time`() throws {
        let first = try run(.bf16, dropout: 0.1)
        let second = try run(.bf16, dropout: 0.1)
        #expect(first.logits == second.logits)
        #expect(first.gradient == second.gradient)
    }
}
