import Foundation
import Testing

@testable import Training

@Suite struct HyperparametersTests {
    func message(_ change: (inout Hyperparameters) -> Void) -> String {
        var value = Hyperparameters()
        change(&value)
        return errorText { try value.validate() } ?? "accepted"
    }

    @Test func `defaults are valid`() { #expect(message { _ in } == "accepted") }

    @Test func `every bad value is refused by its option's name`() {
        #expect(message { $0.weightDecay = -1 } == "--weight-decay is -1.0, but must be a number of at least 0")
        #expect(message { $0.weightDecay = .nan }.contains("--weight-decay"))
        #expect(message { $0.clipNorm = 0 }.contains("--clip-norm"))
        #expect(message { $0.clipNorm = .infinity }.contains("--clip-norm"))
        #expect(message { $0.clipNorm = -1 }.contains("or 0 for no clipping"))
        #expect(message { $0.dropout = 1 }.contains("--dropout"))
        #expect(message { $0.dropout = -0.1 }.contains("--dropout"))
        #expect(message { $0.optimizer = .adamW(beta1: 1) }.contains("--beta1"))
        #expect(message { $0.optimizer = .adamW(beta2: -1) }.contains("--beta2"))
        #expect(message { $0.optimizer = .adamW(epsilon: 0) }.contains("--epsilon"))
        #expect(message { $0.optimizer = .sgd(momentum: 1) }.contains("--momentum"))
        #expect(message { $0.optimizer = .sgd(nesterov: true) }.contains("--nesterov"))
    }

    @Test(arguments: [
        Hyperparameters(), Hyperparameters(optimizer: .sgd(momentum: 0.9, nesterov: true), clipNorm: nil, dropout: 0.2),
    ]) func `survives a file`(_ value: Hyperparameters) throws {
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(Hyperparameters.self, from: data) == value)
    }

    @Test func `settings of an optimizer have defaults`() throws {
        func read(_ text: String) throws -> OptimizerKind {
            try JSONDecoder().decode(OptimizerKind.self, from: Data(text.utf8))
        }
        #expect(try read(#"{"name": "adamw", "beta2": 0.98}"#) == .adamW(beta2: 0.98))
        #expect(try read(#"{"name": "sgd"}"#) == .sgd())
        #expect(throws: (any Error).self) { try read(#"{"name": "adam"}"#) }
    }

    @Test func `optimizers have names`() {
        #expect(OptimizerKind(name: "adamw") == .adamW())
        #expect(OptimizerKind(name: "sgd")?.name == "sgd")
        #expect(OptimizerKind(name: "AdamW") == nil)
        #expect(!OptimizerKind.sgd().usesFirstMoment && OptimizerKind.sgd(momentum: 0.5).usesFirstMoment)
        #expect(OptimizerKind.adamW().usesSecondMoment && !OptimizerKind.sgd(momentum: 0.5).usesSecondMoment)
    }

    @Test func `non-finite errors name step and micro-batch`() {
        let error = NonFiniteError(.loss, step: 17, microBatch: 3)
        #expect(error.description.contains("loss is not finite at step 17, micro-batch 3"))
        #expect(NonFiniteError(.gradient, step: 2).description.contains("gradient is not finite at step 2;"))
    }
}
