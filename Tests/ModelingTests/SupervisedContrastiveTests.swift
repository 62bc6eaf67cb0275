import Foundation
import Testing

@testable import Modeling

/// The loss that compares all texts of a step.
@Suite struct SupervisedContrastiveTests {
    private static let rows: [[Float]] = [[0.6, 0.8, 0], [0.8, 0, 0.6], [0, 1, 0], [0, 0.6, -0.8], [1, 0, 0]]
    private static let classes: [Int32] = [0, 1, 0, 1, 2]

    /// What PyTorch finds in double precision: `log_softmax` of the scaled products without the diagonal, of which the
    /// mean over the partners of each row is taken.
    private static let references: [(temperature: Double, loss: Double, gradient: [[Double]])] = [
        (
            0.1, 24.229272774113557,
            [
                [1.6934, -1.3922, -1.6803], [10.0411, -11.4125, 15.9999], [-1.7797, 2.9336, -7.0858],
                [-14.3937, 10.9781, -11.9999], [8.3515, 0.9041, 5.7479],
            ]
        ),
        (
            1, 6.463066628787396,
            [
                [0.6647, -1.0013, -0.1225], [0.7184, -0.2957, 1.4115], [-0.3516, -0.6641, -0.3202],
                [-0.8888, 1.0949, -1.0586], [0.4762, 0.4842, 0.0863],
            ]
        ),
    ]

    private func evaluate(
        _ loss: SupervisedContrastive, _ rows: [[Float]], _ classes: [Int32], withGradient: Bool = true
    ) -> (loss: Double, gradient: [Float]) {
        var values = rows.flatMap { $0 }
        var gradient = [Float](repeating: .nan, count: values.count)
        let sum = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                return loss.evaluate(
                    Outputs(values: values, gradient: gradient, rows: rows.count, width: rows[0].count),
                    .classes(classes), withGradient: withGradient)
            }
        }
        return (sum, gradient)
    }

    @Test func `loss and gradient are PyTorch's`() {
        for reference in Self.references {
            let found = evaluate(
                SupervisedContrastive(temperature: reference.temperature), Self.rows, Self.classes)
            #expect(abs(found.loss - reference.loss) < 1e-5)
            for (one, other) in zip(found.gradient, reference.gradient.joined()) {
                #expect(abs(Double(one) - other) < 1e-4, "\(one) is \(other)")
            }
        }
    }

    @Test func `a text without another one of its class pushes no one together`() {
        let found = evaluate(SupervisedContrastive(), Self.rows, [0, 1, 2, 3, 4])
        #expect(found.loss == 0 && found.gradient.allSatisfy { $0 == 0 })
        let alone = evaluate(SupervisedContrastive(), [[1, 0]], [0])
        #expect(alone.loss == 0 && alone.gradient == [0, 0])
    }

    @Test func `without a gradient none is written`() {
        let found = evaluate(SupervisedContrastive(), Self.rows, Self.classes, withGradient: false)
        #expect(found.loss > 0 && found.gradient.allSatisfy(\.isNaN))
    }

    @Test func `heads and settings that do not fit are refused`() throws {
        let unit = TextEmbedding(SentenceEmbedding(width: 24, pooling: .mean, normalizes: true))
        try SupervisedContrastive().validate(head: unit)
        for head: any Head in [
            TextEmbedding(SentenceEmbedding(width: 24, pooling: .mean, normalizes: false)),
            SentenceEmbedding(width: 24, pooling: .mean, normalizes: true),
            PooledClassification(labels: 2, pooling: .mean, normalizes: true),
        ] {
            #expect(throws: ModelError.self) { try SupervisedContrastive().validate(head: head) }
        }
        for temperature in [0, -1, .nan, .infinity] {
            #expect(throws: ModelError.self) {
                try SupervisedContrastive(temperature: temperature).validate(head: unit)
            }
        }
        #expect(throws: ModelError.self) { try SupervisedContrastive().validate(.none) }
        #expect(throws: ModelError.self) { try unit.validate(.classes([0, -1])) }
        #expect(throws: ModelError.self) { try unit.validate(.values([0.5], width: 1)) }
    }
}
