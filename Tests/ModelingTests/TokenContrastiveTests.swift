import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// The loss of FastFit, against PyTorch: Fixtures/generate_token_contrastive.py.
@Suite struct TokenContrastiveTests {
    private struct Case: Decodable {
        var lengths: [Int]
        var classes: [Int32]
        var width: Int
        var temperature: Double
        var outputs: [Float]
        var loss: Double
        var gradient: [Double]

        var offsets: [Int] { lengths.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) } }
    }

    private static func cases() throws -> [Case] {
        let url = try #require(
            Bundle.module.url(forResource: "token_contrastive", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
    }

    private static func evaluate(
        _ test: Case, _ outputs: [Float]? = nil, classes: [Int32]? = nil, withGradient: Bool = true
    ) -> (loss: Double, gradient: [Float]) {
        var values = outputs ?? test.outputs
        var gradient = [Float](repeating: .nan, count: values.count)
        let loss = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let start = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                var outputs = Outputs(
                    values: start, gradient: gradient, rows: values.count / test.width, width: test.width)
                outputs.offsets = test.offsets
                return TokenContrastive(temperature: test.temperature).evaluate(
                    outputs, .classes(classes ?? test.classes), withGradient: withGradient)
            }
        }
        return (loss, gradient)
    }

    @Test func `loss and gradient are PyTorch's`() throws {
        let cases = try Self.cases()
        #expect(cases.count == 3)
        for test in cases {
            let found = Self.evaluate(test)
            #expect(abs(found.loss - test.loss) < 2e-5 * max(1, test.loss), "\(found.loss) is \(test.loss)")
            for (one, other) in zip(found.gradient, test.gradient) {
                #expect(abs(Double(one) - other) < 1e-4 * max(1, abs(other)), "\(one) is \(other)")
            }
            #expect(Self.evaluate(test, withGradient: false).loss == found.loss)
        }
    }

    @Test func `gradients are the slopes of the losses`() throws {
        let test = try #require(try Self.cases().first)
        let gradient = Self.evaluate(test).gradient
        for i in test.outputs.indices {
            var (up, down) = (test.outputs, test.outputs)
            up[i] += 0x1p-10
            down[i] -= 0x1p-10
            let slope =
                (Self.evaluate(test, up).loss - Self.evaluate(test, down).loss) / (Double(up[i]) - Double(down[i]))
            #expect(abs(slope - Double(gradient[i])) < 2e-3 * max(1, abs(slope)))
        }
    }

    @Test func `a sequence without another one of its class pushes no one together`() throws {
        let test = try #require(try Self.cases().first)
        let found = Self.evaluate(test, classes: [0, 1, 2, 3])
        #expect(found.loss == 0 && found.gradient.allSatisfy { $0 == 0 })
        var broken = test.outputs
        broken[4] = .nan
        #expect(Self.evaluate(test, broken).loss.isNaN)
    }

    @Test func `rows of length one learn, token by token`() throws {
        let specification = ModelSpecification(
            encoder: ModelConfiguration.tiny().encoder,
            head: TokenEmbedding(width: ModelConfiguration.tiny().encoder.hidden),
            objective: TokenContrastive(temperature: 0.5))
        try specification.validate()
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: UInt32(i))
        }
        let model = Model(
            specification, layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32))
        var batch = PackedBatch()
        for (number, (ids, label)) in [
            ([1, 5, 9, 5, 2], 0), ([1, 7, 2], 0), ([1, 39, 2], 1), ([1, 11, 12, 2], 1),
        ].enumerated() as EnumeratedSequence<[([Int32], Int32)]> {
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(number), target: .classIndex(label))
        }
        let rows = Set(batch.tokenIDs).sorted()
        let sink = FlatGradient(count: layout.count)
        let loss = try model.gradient(batch, dropout: nil, embeddingRows: rows, into: sink)
        #expect(loss.sum > 0)
        let width = specification.encoder.hidden
        for row in 0..<batch.tokenCount {
            let length = loss.outputs[(row * width)..<((row + 1) * width)].reduce(0) { $0 + $1 * $1 }
            #expect(abs(length - 1) < 1e-5)
        }
        // The slope along the gradient is its squared length.
        let parameters = layout.parameters.filter { $0 != layout.rowTable }
        let gradient = parameters.map { parameter in parameter.range.map { Double(sink.values[$0]) } }
        let squares = gradient.joined().reduce(0) { $0 + $1 * $1 }
        func moved(_ step: Double) throws -> Double {
            let before = Array(weights.elements)
            for (parameter, slopes) in zip(parameters, gradient) {
                for (i, slope) in zip(parameter.range, slopes) { weights.pointer[i] += Float(step * slope) }
            }
            defer { weights.pointer.update(from: before, count: before.count) }
            return try model.gradient(batch, dropout: nil, embeddingRows: rows, into: FlatGradient(count: layout.count))
                .sum
        }
        let step = 1e-3 / squares.squareRoot()
        let slope = (try moved(step) - moved(-step)) / (2 * step)
        #expect(squares > 1e-9 && abs(slope - squares) < 0.02 * squares, "\(slope) is \(squares)")
    }

    @Test func `heads, settings and targets that do not fit are refused`() throws {
        let head = TokenEmbedding(width: 24)
        try TokenContrastive().validate(head: head)
        let others: [any Head] = [
            TextEmbedding(SentenceEmbedding(width: 24, pooling: .mean, normalizes: true)),
            SentenceEmbedding(width: 24, pooling: .mean, normalizes: true),
        ]
        for other in others { #expect(throws: ModelError.self) { try TokenContrastive().validate(head: other) } }
        #expect(throws: ModelError.self) { try SupervisedContrastive().validate(head: head) }
        for temperature in [0, -1, .nan, .infinity] {
            #expect(throws: ModelError.self) { try TokenContrastive(temperature: temperature).validate(head: head) }
        }
        #expect(throws: ModelError.self) { try TokenContrastive().validate(.none) }
        #expect(throws: ModelError.self) { try head.validate(.classes([0, -1])) }
        #expect(throws: ModelError.self) { try head.validate(.values([0.5], width: 1)) }
        #expect(throws: ModelError.self) { try TokenEmbedding(width: 0).validate() }
        #expect(throws: ModelError.self) { try TokenEmbedding(width: 25).validate(ModelConfiguration.tiny().encoder) }
    }
}
