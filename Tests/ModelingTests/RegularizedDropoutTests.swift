import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// R-Drop, against PyTorch: Fixtures/generate_regularized_dropout.py.
@Suite struct RegularizedDropoutTests {
    private struct Case: Decodable {
        var kind: String
        var rows: Int
        var width: Int
        var alpha: Double
        var smoothing: Double
        var weights: [Double]?
        var outputs: [Float]
        var targets: [Int32]
        var loss: Double
        var gradient: [Double]

        var objective: RegularizedDropout {
            let base: any Objective =
                kind == "labels"
                ? BinaryCrossEntropy()
                : CrossEntropy(labelSmoothing: smoothing, classWeights: weights.map { ClassWeights($0) })
            return RegularizedDropout(alpha: alpha, base: base)
        }

        /// Of one pass.
        var once: Targets {
            kind == "labels" ? .values(targets.map { Float($0) }, width: width) : .classes(targets)
        }
    }

    private static func cases() throws -> [Case] {
        let url = try #require(
            Bundle.module.url(forResource: "regularized_dropout", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
    }

    private static func sum(
        _ objective: any Objective, _ outputs: [Float], width: Int, _ once: Targets, withGradient: Bool = true
    ) throws -> (loss: Double, gradient: [Float]) {
        let targets = try #require(Targets.joined([once, once]))
        var values = outputs
        var gradient = [Float](repeating: .nan, count: values.count)
        let loss = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                return objective.evaluate(
                    Outputs(values: values, gradient: gradient, rows: outputs.count / width, width: width), targets,
                    withGradient: withGradient)
            }
        }
        return (loss, gradient)
    }

    @Test func `losses and gradients are those of PyTorch`() throws {
        let cases = try Self.cases()
        #expect(cases.count == 7)
        for test in cases {
            let found = try Self.sum(test.objective, test.outputs, width: test.width, test.once)
            let divisor = test.objective.weight(of: test.once)
            #expect(abs(found.loss / divisor - test.loss) < 1e-12 * max(1, test.loss))
            for (gradient, expected) in zip(found.gradient, test.gradient) {
                #expect(abs(Double(gradient) / divisor - expected) < 1e-6 * max(1, abs(expected)))
            }
            let alone = try Self.sum(
                test.objective, test.outputs, width: test.width, test.once, withGradient: false)
            #expect(alone.loss == found.loss && alone.gradient.allSatisfy(\.isNaN))
        }
    }

    @Test func `gradients are the slopes of the losses, that of the focal loss, too`() throws {
        for test in try Self.cases() where test.rows < 5 {
            var objectives: [any Objective] = [test.objective]
            if test.kind == "classes" {
                objectives.append(RegularizedDropout(alpha: 3, base: FocalLoss(gamma: 2, labelSmoothing: 0.1)))
            }
            for objective in objectives {
                let gradient = try Self.sum(objective, test.outputs, width: test.width, test.once).gradient
                for i in test.outputs.indices {
                    var (up, down) = (test.outputs, test.outputs)
                    up[i] += 0x1p-8
                    down[i] -= 0x1p-8
                    let difference =
                        try Self.sum(objective, up, width: test.width, test.once).loss
                        - Self.sum(objective, down, width: test.width, test.once).loss
                    let slope = difference / (Double(up[i]) - Double(down[i]))
                    #expect(abs(slope - Double(gradient[i])) < 2e-4 * max(1, abs(slope)))
                }
            }
        }
    }

    @Test func `passes that say the same have the loss of one`() throws {
        let outputs: [Float] = [0.5, -1, 2, 0.25, 0, -3]
        let once = Targets.classes([2, 0])
        let found = try Self.sum(
            RegularizedDropout(alpha: 9, base: CrossEntropy()), outputs + outputs, width: 3, once)
        var plain = outputs
        let expected = plain.withUnsafeMutableBufferPointer { values -> Double in
            guard let base = values.baseAddress else { return .nan }
            return CrossEntropy().evaluate(
                Outputs(values: base, gradient: base, rows: 2, width: 3), once, withGradient: false)
        }
        #expect(abs(found.loss - expected) < 1e-12)
    }

    /// A batch of two sequences, and a model of three classes.
    private func model(_ objective: any Objective) -> (Model, PackedBatch, FloatBuffer) {
        let specification = ModelConfiguration.tiny().classifier(objective: objective)
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for (i, parameter) in layout.parameters.enumerated() {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: UInt32(i))
        }
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7, target: .classIndex(2))
        batch.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: 3, target: .classIndex(0))
        let weightsOfModel = ModelWeights(master: weights, layout: layout, precision: .float32)
        return (Model(specification, layout: layout, weights: weightsOfModel), batch, weights)
    }

    @Test func `the second pass has masks of its own, which the pass decides`() throws {
        let dropout = DropoutPlan(
            seed: 42, step: 6, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1))
        let (twice, batch, weights) = model(RegularizedDropout(alpha: 1, base: CrossEntropy()))
        let (once, _, others) = model(CrossEntropy())
        let outputs = twice.trainingOutputs(batch, dropout: dropout)
        let (first, second) = (outputs.prefix(outputs.count / 2), outputs.suffix(outputs.count / 2))
        for (one, other) in zip(first, once.trainingOutputs(batch, dropout: dropout)) {
            #expect(abs(one - other) < 1e-5)
        }
        #expect(zip(first, second).contains { abs($0 - $1) > 1e-3 })
        var flipped = batch
        flipped.sampleKeys = batch.sampleKeys.map { $0 ^ 1 << 31 }
        for (one, other) in zip(second, once.trainingOutputs(flipped, dropout: dropout)) {
            #expect(abs(one - other) < 1e-5)
        }
        // Without dropout, and in an evaluation, there is nothing between the passes.
        let still = twice.trainingOutputs(batch, dropout: nil)
        for (one, other) in zip(still.prefix(still.count / 2), still.suffix(still.count / 2)) {
            #expect(abs(one - other) < 1e-5)
        }
        #expect(twice.evaluate(batch).losses == once.evaluate(batch).losses)
        withExtendedLifetime((weights, others)) {}
    }

    @Test func `it travels as JSON, and what does not fit is refused`() throws {
        let objective = RegularizedDropout(alpha: 4, base: CrossEntropy(labelSmoothing: 0.125))
        let specification = ModelConfiguration.tiny().classifier(objective: objective)
        let read = try ModelSpecification(json: specification.json())
        #expect(read.json() == specification.json())
        let found = try #require(read.objective as? RegularizedDropout)
        #expect(found.alpha == 4 && (found.base as? CrossEntropy)?.labelSmoothing == 0.125)
        #expect(CrossEntropy().passes == 1 && objective.passes == 2)
        let head = specification.head
        for wrong in [
            RegularizedDropout(alpha: 0, base: CrossEntropy()), RegularizedDropout(alpha: .nan, base: CrossEntropy()),
            RegularizedDropout(alpha: 1001, base: CrossEntropy()), RegularizedDropout(alpha: 1, base: objective),
            RegularizedDropout(alpha: 1, base: MeanSquaredError()),
            RegularizedDropout(alpha: 1, base: CrossEntropy(labelSmoothing: 1)),
        ] {
            #expect(throws: ModelError.self) { try wrong.validate(head: head) }
        }
        try objective.validate(head: head)
    }
}
