import Modeling
import Numerics
import TestSupport
import Testing

@testable import Training

/// Steps whose loss compares the tokens of all sequences.
@Suite struct TokenStepTests {
    private struct Outcome: Equatable {
        var weights: [Float]
        var lossSums: [Double]
    }

    private static var specification: ModelSpecification {
        var result = TinyReplica.specification
        result.head = TokenEmbedding(width: result.encoder.hidden)
        result.objective = TokenContrastive()
        return result
    }

    private static func replica(threads: Int) throws -> ModelReplica {
        let made = try ModelReplica(specification, hyperparameters: Hyperparameters(), seed: 5, threads: threads)
        for (number, parameter) in made.layout.parameters.enumerated() {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: UInt32(number))
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 0)
        return made
    }

    private static func run(ranks: Int, threads: Int = 1) throws -> Outcome {
        try TinyRanks.run(
            ranks: ranks, steps: 2, replica: { try replica(threads: threads) },
            work: { TinyReplica.work(microBatches: 7, $0, step: $1) }
        ) { replica, done in
            Outcome(weights: Array(replica.weights.elements), lossSums: done.flatMap(\.lossSums))
        }
    }

    @Test func `neither ranks nor threads change a bit`() throws {
        let alone = try Self.run(ranks: 1)
        #expect(alone.lossSums[0] > 0 && alone.lossSums[7] > 0 && alone.lossSums[0] != alone.lossSums[7])
        for ranks in [2, 3, 7] { #expect(try Self.run(ranks: ranks) == alone) }
        #expect(try Self.run(ranks: 1, threads: 3) == alone)
    }

    @Test func `rows of all tokens are sent with the lengths of their sequences`() throws {
        let model = Self.specification
        let batches = TinyReplica.work(microBatches: 3).microBatches
        let width = model.head.outputWidth
        let outputs = batches.map { batch in (0..<batch.tokenCount * width).map { Float($0) - 0.5 } }
        let piece = GatheredOutputs.encode(batches, outputs: outputs, model.head)
        let gathered = try GatheredOutputs([piece], partition: [0..<3], model)
        #expect(gathered.parts.map(\.values) == outputs)
        #expect(gathered.parts.map(\.targets) == batches.map(\.targets))
        #expect(
            gathered.parts.map(\.lengths)
                == batches.map { zip($0.offsets, $0.offsets.dropFirst()).map { Int($1 - $0) } })
        // The first micro-batch has one sequence: its length stands behind 9 bytes and a class.
        for change in [
            { $0[13] &+= 1 }, { $0[13] = 0 }, { $0[16] = 255 }, { $0.removeLast() }, { $0 = Array($0.prefix(15)) },
        ] as [(inout [UInt8]) -> Void] {
            var bad = piece
            change(&bad)
            #expect(throws: PeerDataError.self) { try GatheredOutputs([bad], partition: [0..<3], model) }
        }
    }
}
