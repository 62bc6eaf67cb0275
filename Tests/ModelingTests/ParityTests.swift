import Numerics
import Testing

@testable import Modeling

/// Logits, loss and gradients against those of `transformers`, for models made by Fixtures/export_parity.py.
@Suite struct ParityTests {
    /// The folders under Fixtures: one layer and several, a head size that is no power of two, one label more than the
    /// vector width, a batch with a sequence of one token.
    static let cases = ["tiny", "narrow", "wide", "deep"]

    @Test(arguments: cases)
    func `logits, loss and every gradient equal the reference`(name: String) throws {
        let reference = try Reference(folder: Fixture.path(name))
        let model = reference.model
        let batch = reference.batch
        try batch.validate(model.specification)
        let sink = FlatGradient(count: model.layout.count)
        let rows = Set(batch.tokenIDs).sorted()
        let loss = try model.gradient(batch, dropout: nil, embeddingRows: rows, into: sink)

        let logits = try reference.floats("logits")
        #expect(zip(loss.outputs, logits).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(loss.outputs.count == logits.count)
        #expect(zip(model.outputs(batch), logits).allSatisfy { abs($0 - $1) < 1e-4 }, "without a backward pass")
        let expectedLoss = Double(try reference.floats("loss")[0])
        #expect(abs(loss.sum / Double(batch.sequenceCount) - expectedLoss) < 1e-5)

        // The reference takes the mean over the samples.
        let scale = 1 / Float(batch.sequenceCount)
        for parameter in model.layout.parameters {
            let expected = try reference.floats("grad.\(BERT.tensorName(parameter.id))")
            var found = [Float](repeating: 0, count: parameter.count)
            if parameter.offset == model.layout.denseCount {
                let width = model.specification.encoder.hidden
                for (i, row) in rows.enumerated() {
                    for c in 0..<width {
                        found[Int(row) * width + c] = sink.values[parameter.offset + i * width + c] * scale
                    }
                }
            } else {
                for i in 0..<parameter.count { found[i] = sink.values[parameter.offset + i] * scale }
            }
            let error = zip(found, expected).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let size = expected.reduce(0.0) { $0 + Double($1) * Double($1) }
            // The gradient of a key's bias is zero but for rounding: softmax does not see a constant.
            let floor = 1e-12
            #expect(
                error.squareRoot() <= 1e-3 * size.squareRoot() + floor.squareRoot(), "\(BERT.tensorName(parameter.id))")
        }
    }

    @Test func `buckets are finished in order, and cover the gradient`() throws {
        let reference = try Reference(folder: Fixture.path("tiny"))
        let layout = reference.model.layout
        let sink = FlatGradient(count: layout.count)
        _ = try reference.model.gradient(
            reference.batch, dropout: nil, embeddingRows: Set(reference.batch.tokenIDs).sorted(),
            into: sink)
        #expect(sink.finished == Array(0...layout.buckets.count))
        var next = 0
        for bucket in layout.buckets {
            #expect(bucket.lowerBound == next)
            next = bucket.upperBound
        }
        #expect(next == layout.denseCount)
        let written = sink.written.sorted { $0.lowerBound < $1.lowerBound }
        for (a, b) in zip(written, written.dropFirst()) { #expect(a.upperBound <= b.lowerBound, "written twice") }
        let parameters = layout.parameters.dropLast().reduce(0) { $0 + $1.count }
        let rows = Set(reference.batch.tokenIDs).count * reference.model.specification.encoder.hidden
        #expect(written.reduce(0) { $0 + $1.count } == parameters + rows)
    }
}

/// A sink that keeps one micro-batch's gradient as it is.
final class FlatGradient: GradientSink {
    var values: [Float]
    var written: [Range<Int>] = []
    var finished: [Int] = []
    private let memory: FloatBuffer
    private var lent = 0..<0

    init(count: Int) {
        values = [Float](repeating: 0, count: count)
        memory = FloatBuffer(count: count)
    }

    func reserve(offset: Int, count: Int) -> UnsafeMutablePointer<Float> {
        lent = offset..<(offset + count)
        // Whatever was there before must not matter.
        (memory.pointer + offset).update(repeating: .nan, count: count)
        return memory.pointer + offset
    }

    func commit() {
        written.append(lent)
        for i in lent { values[i] = memory.pointer[i] }
    }

    func finish(bucket: Int) { finished.append(bucket) }
}
