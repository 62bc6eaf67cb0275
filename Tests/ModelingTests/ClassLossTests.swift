import Foundation
import TestSupport
import Testing

@testable import Modeling

/// Cross-entropy with class weights, and the focal loss, against PyTorch: Fixtures/generate_class_losses.py.
@Suite struct ClassLossTests {
    private struct Case: Decodable {
        var rows: Int
        var width: Int
        var outputs: [Float]
        var labels: [Int32]
        var weights: [Double]?
        var smoothing: Double
        var gamma: Double?
        var loss: Double
        var gradient: [Double]

        var objective: any Objective {
            let weights = weights.map { ClassWeights($0) }
            guard let gamma else { return CrossEntropy(labelSmoothing: smoothing, classWeights: weights) }
            return FocalLoss(gamma: gamma, labelSmoothing: smoothing, classWeights: weights)
        }
    }

    private static func cases() throws -> [Case] {
        let url = try #require(
            Bundle.module.url(forResource: "class_losses", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
    }

    private static func sum(
        _ objective: any Objective, _ outputs: [Float], _ labels: [Int32], withGradient: Bool = true
    ) -> (loss: Double, gradient: [Float]) {
        var values = outputs
        var gradient = [Float](repeating: .nan, count: values.count)
        let loss = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                return objective.evaluate(
                    Outputs(
                        values: values, gradient: gradient, rows: labels.count, width: outputs.count / labels.count),
                    .classes(labels), withGradient: withGradient)
            }
        }
        return (loss, gradient)
    }

    @Test func `losses and gradients are those of PyTorch`() throws {
        let cases = try Self.cases()
        #expect(cases.count == 48)
        for test in cases {
            let found = Self.sum(test.objective, test.outputs, test.labels)
            let divisor = test.objective.weight(of: .classes(test.labels))
            #expect(abs(found.loss / divisor - test.loss) < 1e-12 * max(1, abs(test.loss)))
            for (gradient, expected) in zip(found.gradient, test.gradient) {
                #expect(abs(Double(gradient) / divisor - expected) < 1e-7 * max(1, abs(expected)))
            }
            #expect(Self.sum(test.objective, test.outputs, test.labels, withGradient: false).loss == found.loss)
        }
    }

    @Test func `gradients are the slopes of the losses`() throws {
        for test in try Self.cases() where test.rows == 5 {
            let gradient = Self.sum(test.objective, test.outputs, test.labels).gradient
            for i in test.outputs.indices {
                var (up, down) = (test.outputs, test.outputs)
                up[i] += 0x1p-8
                down[i] -= 0x1p-8
                let difference =
                    Self.sum(test.objective, up, test.labels).loss - Self.sum(test.objective, down, test.labels).loss
                let slope = difference / (Double(up[i]) - Double(down[i]))
                #expect(abs(slope - Double(gradient[i])) < 2e-4)
            }
        }
    }

    @Test func `weights of one, and an exponent of zero, are plain cross-entropy`() throws {
        let test = try #require(try Self.cases().first)
        let plain = Self.sum(CrossEntropy(labelSmoothing: 0.1), test.outputs, test.labels)
        let ones = ClassWeights([Double](repeating: 1, count: test.width))
        for objective in [
            CrossEntropy(labelSmoothing: 0.1, classWeights: ones) as any Objective,
            FocalLoss(gamma: 0, labelSmoothing: 0.1), FocalLoss(gamma: 0, labelSmoothing: 0.1, classWeights: ones),
        ] {
            let found = Self.sum(objective, test.outputs, test.labels)
            #expect(abs(found.loss - plain.loss) < 1e-12)
            #expect(zip(found.gradient, plain.gradient).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(objective.weight(of: .classes(test.labels)) == Double(test.rows))
        }
    }

    @Test func `what is certain already has no slope, and nothing overflows`() {
        for gamma in [0.5, 1, 2] {
            let found = Self.sum(FocalLoss(gamma: gamma), [100, -100, 3e38, -3e38], [0, 0])
            #expect(found.loss == 0 && found.gradient.allSatisfy { $0 == 0 })
            let wrong = Self.sum(FocalLoss(gamma: gamma, labelSmoothing: 0.1), [3e38, -3e38], [1])
            #expect(wrong.loss.isFinite && wrong.gradient.allSatisfy(\.isFinite))
            #expect(!Self.sum(FocalLoss(gamma: gamma), [.nan, 1], [1]).loss.isFinite)
        }
    }

    @Test func `an evaluation counts all classes alike`() {
        let outputs: [Float] = [1, 2, 0, 3, 1, 1]
        outputs.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            let rows = OutputRows(start, rows: 2, width: 3)
            let plain = CrossEntropy().losses(rows, .classes([1, 2]))
            let weights = ClassWeights([1, 2, 3])
            #expect(CrossEntropy(classWeights: weights).losses(rows, .classes([1, 2])) == plain)
            #expect(FocalLoss(gamma: 2, classWeights: weights).losses(rows, .classes([1, 2])) == plain)
        }
    }

    @Test func `balanced weights are those of scikit-learn`() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 6 + [1] * 3 + [2])
        let weights = ClassWeights.balanced([6, 3, 1]).values
        #expect(zip(weights, [10.0 / 18, 10.0 / 9, 10.0 / 3]).allSatisfy { abs($0 - $1) < 1e-15 })
        #expect(ClassWeights.balanced([2, 0]).values == [0.5, 0])
    }

    @Test func `weights and exponents from outside are checked`() throws {
        func json(_ objective: any Objective) -> String {
            ModelConfiguration.tiny().classifier(objective: objective).json()
        }
        for objective in [
            CrossEntropy(classWeights: ClassWeights([1, 2])), CrossEntropy(classWeights: ClassWeights([1, 2, -1])),
            CrossEntropy(classWeights: ClassWeights([0, 0, 0])),
            CrossEntropy(classWeights: ClassWeights([1, 2, 1e10])),
            CrossEntropy(classWeights: ClassWeights([1, 2, 1e-9])), FocalLoss(gamma: -1), FocalLoss(gamma: 101),
            FocalLoss(gamma: 1, labelSmoothing: 1), FocalLoss(gamma: 1, classWeights: ClassWeights([1])),
        ] as [any Objective] {
            #expect(throws: ModelError.self) { try ModelSpecification(json: json(objective)) }
        }
        for objective in [
            CrossEntropy(), CrossEntropy(labelSmoothing: 0.1, classWeights: ClassWeights([0.5, 0, 1.0 / 3])),
            FocalLoss(gamma: 2), FocalLoss(gamma: 0.1, classWeights: ClassWeights([1e-6, 1e6, 1])),
        ] as [any Objective] {
            #expect(try ModelSpecification(json: json(objective)).json() == json(objective))
        }
        // As it was before there were weights: it is part of what a run is known by.
        #expect(json(CrossEntropy()).contains(#""objective":{"kind":"cross-entropy","label_smoothing":0}"#))
    }
}
