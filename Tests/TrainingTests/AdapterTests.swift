import Collectives
import Modeling
import Numerics
import Testing

@testable import Training

/// Replicas with an adapter.
@Suite struct AdapterTests {
    private static func replica(
        _ targets: Set<LowRankAdapter.Target>, precision: Precision = .float32, recompute: Bool = false,
        threads: Int = 1
    ) throws -> ModelReplica {
        var specification = TinyReplica.specification
        specification.adapter = LowRankAdapter(rank: 3, alpha: 6, dropout: 0.2, targets: targets)
        specification.trainable = .only([.head])
        try specification.validate()
        let made = try ModelReplica(
            specification, hyperparameters: Hyperparameters(precision: precision, recompute: recompute), seed: 5,
            threads: threads)
        for parameter in made.layout.parameters {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: parameter.id.initializationStream)
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 0)
        return made
    }

    /// Three steps of seven micro-batches; the weights, by tensor, and a moment.
    private static func run(
        _ targets: Set<LowRankAdapter.Target>, ranks: Int, threads: Int = 1, precision: Precision = .float32,
        recompute: Bool = false, wire: WirePrecision = .float32
    ) throws -> [[Float]] {
        var options = AllReduceOptions()
        options.wire = wire
        return try TinyRanks.run(
            ranks: ranks, steps: 3, options: options,
            replica: { try replica(targets, precision: precision, recompute: recompute, threads: threads) },
            work: {
                var work = TinyReplica.work(microBatches: 7, $0, step: $1)
                // As the coordinator sends it where the words are frozen.
                work.embeddingRows = []
                return work
            }
        ) { replica, _ in [Array(replica.weights.elements), Array(replica.secondMoment.elements)] }
    }

    @Test(arguments: [
        Set(LowRankAdapter.Target.allCases).subtracting([.queryKeyValue]), [.queryKeyValue], [.query, .value],
    ])
    func `ranks, threads and computing again do not change a bit`(_ targets: Set<LowRankAdapter.Target>) throws {
        let one = try Self.run(targets, ranks: 1)
        for ranks in [2, 3, 7] { #expect(try Self.run(targets, ranks: ranks) == one, "\(ranks) ranks") }
        #expect(try Self.run(targets, ranks: 1, threads: 2) == one)
        #expect(try Self.run(targets, ranks: 2, recompute: true) == one)
        guard Precision.bf16.unsupportedReason == nil else { return }
        let bf16 = try Self.run(targets, ranks: 1, precision: .bf16)
        #expect(try Self.run(targets, ranks: 3, precision: .bf16) == bf16)
        #expect(try Self.run(targets, ranks: 1, precision: .bf16, recompute: true) == bf16)
    }

    @Test func `the adapter and the head learn, and nothing else changes`() throws {
        let targets: Set<LowRankAdapter.Target> = [.key, .intermediate]
        let replica = try Self.replica(targets)
        let layout = replica.layout
        for wire in [WirePrecision.float32, .bf16] {
            let after = try Self.run(targets, ranks: 2, wire: wire)[0]
            for parameter in layout.parameters {
                let isTrained = parameter.id.isOfAdapter || parameter.id.part == .head
                let before = Array(replica.weights.elements[parameter.range])
                #expect((Array(after[parameter.range]) != before) == isTrained, "\(parameter.id), \(wire)")
            }
        }
        #expect(replica.firstMoment.count == layout.trainableCount && layout.trainableCount < layout.count / 2)
    }
}
