import Foundation
import TestSupport
import Testing

@testable import Modeling

/// The loss by which a student learns what a teacher says.
@Suite struct DistillationTests {
    private static let student: [[Float]] = [[0.5, -1, 2], [1.5, 0.25, -0.75], [-2, 0, 1]]
    private static let teacher: [[Float]] = [[1, -0.5, 1.5], [0, 3, -1], [-1, -1, 2]]
    private static let labels: [Int?] = [2, nil, 0]

    /// What PyTorch finds in double precision with `kl_div`, `log_softmax` and `cross_entropy`.
    private static let references: [(loss: Distillation, sum: Double, gradient: [[Double]])] = [
        (
            Distillation(temperature: 2, labelWeight: 0.5), 3.781987141279553,
            [
                [0.003453, -0.020213, 0.016761], [0.746815, -0.896673, 0.149858], [-0.51477, 0.306966, 0.207803],
            ]
        ),
        (
            Distillation(temperature: 1, labelWeight: 0), 1.5410312259642842,
            [
                [-0.172917, -0.038583, 0.2115], [0.671828, -0.730403, 0.058575], [-0.010159, 0.214218, -0.204058],
            ]
        ),
        (
            Distillation(temperature: 4, labelWeight: 1), 5.405640979701137,
            [
                [0.17529, 0.039113, -0.214403], [0.711327, -0.902021, 0.190694], [-0.964881, 0.259496, 0.705385],
            ]
        ),
    ]

    private static var targets: Targets {
        Targets.joined(
            zip(labels, teacher).map { label, logits in
                guard case .values(let values) = Distillation.target(label: label, teacher: logits) else {
                    return .none
                }
                return .values(values, width: values.count)
            }) ?? .none
    }

    private func evaluate(_ loss: Distillation, _ rows: [[Float]], _ targets: Targets) -> (
        sum: Double, gradient: [Float]
    ) {
        var values = rows.flatMap { $0 }
        var gradient = [Float](repeating: .nan, count: values.count)
        let sum = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                return loss.evaluate(
                    Outputs(values: values, gradient: gradient, rows: rows.count, width: rows[0].count), targets,
                    withGradient: true)
            }
        }
        return (sum, gradient)
    }

    @Test func `loss and gradient are PyTorch's`() {
        for reference in Self.references {
            let found = evaluate(reference.loss, Self.student, Self.targets)
            #expect(abs(found.sum - reference.sum) < 1e-9, "\(found.sum)")
            for (one, other) in zip(found.gradient, reference.gradient.joined()) {
                #expect(abs(Double(one) - other) < 2e-6, "\(one) is \(other)")
            }
        }
        #expect(Distillation().weight(of: Self.targets) == 3)
    }

    @Test func `a student that says what its teacher says has nothing to learn`() {
        let found = evaluate(Distillation(labelWeight: 0), Self.teacher, Self.targets)
        #expect(abs(found.sum) < 1e-12 && found.gradient.allSatisfy { abs($0) < 1e-7 })
    }

    @Test func `numbers that are none show`() {
        let found = evaluate(Distillation(), [[.nan, 0, 0]] + Self.student.dropFirst(), Self.targets)
        #expect(found.sum.isNaN)
    }

    @Test func `of classes alone it is their cross-entropy`() {
        let found = evaluate(Distillation(), Self.student, .classes([2, 1, 0]))
        let known = Targets.values(zip([2, 1, 0], Self.teacher).flatMap { [Float($0)] + $1 }, width: 4)
        #expect(abs(found.sum - evaluate(Distillation(labelWeight: 1), Self.student, known).sum) < 1e-12)
    }

    @Test func `targets and settings that do not fit are refused`() throws {
        let head = SequenceClassification(labels: 3, dropout: 0)
        try Distillation().validate(head: head)
        for broken in [
            Distillation(temperature: 0), Distillation(temperature: .nan), Distillation(labelWeight: 1.5),
        ] {
            #expect(throws: ModelError.self) { try broken.validate(head: head) }
        }
        #expect(throws: ModelError.self) {
            try Distillation().validate(head: MaskedLanguageModel(vocabulary: 40, epsilon: 1e-12))
        }
        try Distillation().validate(Self.targets)
        try head.validate(Self.targets)
        for label in [Float(3), -2, 0.5] {
            #expect(throws: ModelError.self) { try Distillation().validate(.values([label, 0, 1, 2], width: 4)) }
        }
        for targets in [Targets.none, .tokens([0])] {
            #expect(throws: ModelError.self) { try Distillation().validate(targets) }
        }
        let pooled = PooledClassification(labels: 3, pooling: .mean, normalizes: true)
        try pooled.validate(Self.targets)
        for width in [3, 5] {
            let targets = Targets.values([Float](repeating: 0, count: width), width: width)
            #expect(throws: ModelError.self) { try head.validate(targets) }
            #expect(throws: ModelError.self) { try pooled.validate(targets) }
        }
    }

    @Test func `a head whose logits are collected is a classifier's, and travels`() throws {
        let head = CollectedLogits(PooledClassification(labels: 3, pooling: .mean, normalizes: true))
        let data = try JSONEncoder().encode(CodedHead(head))
        let back = try #require(try JSONDecoder().decode(CodedHead.self, from: data).head as? CollectedLogits)
        #expect(back.outputWidth == 3 && back.labelLinear == "pooled_classifier")
        try back.validate(.none)
        #expect(throws: ModelError.self) { try back.validate(.classes([1])) }
        let nested = try JSONEncoder().encode(CodedHead(CollectedLogits(head)))
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(CodedHead.self, from: nested) }
    }
}
