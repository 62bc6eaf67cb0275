import Collectives
import Foundation
import Modeling
import Numerics
import Synchronization
import Testing

@testable import Training

/// Replicas of which a part alone is trained.
@Suite struct FrozenTests {
    /// Sets of a model of two layers: from the top, with a hole, from the bottom, the head alone, without it.
    static let sets: [Set<ModelPart>] = [
        [.head, .layer(1)], [.head, .layer(0)], [.positions, .words], [.head], [.words], [.positions],
        [.layer(0), .layer(1)], [.head, .layer(0), .layer(1), .positions],
    ]

    private static func replica(
        _ parts: Set<ModelPart>?, precision: Precision = .float32, recompute: Bool = false, threads: Int = 1
    ) throws -> ModelReplica {
        var specification = TinyReplica.specification
        if let parts { specification.trainable = try .training(parts, of: specification.encoder) }
        try specification.validate()
        var hyperparameters = Hyperparameters(precision: precision)
        hyperparameters.recompute = recompute
        let made = try ModelReplica(specification, hyperparameters: hyperparameters, seed: 5, threads: threads)
        for parameter in made.layout.parameters {
            var random = PhiloxStream(
                seed: 8, purpose: .initialization, stream: parameter.id.initializationStream)
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 0)
        return made
    }

    /// The weights by tensor.
    private static func tensors(_ replica: ModelReplica) -> [ParameterID: [Float]] {
        Dictionary(
            uniqueKeysWithValues: replica.layout.parameters.map { ($0.id, Array(replica.weights.elements[$0.range])) })
    }

    /// The gradient of a step by tensor; of the word embedding, of the rows that the step touches.
    private static func gradients(_ replica: ModelReplica, _ work: StepWork) throws -> [ParameterID: [Float]] {
        let submitted = Mutex<[Int]>([])
        _ = try replica.computeGradients(work) { bucket, _ in submitted.withLock { $0.append(bucket) } }
        #expect(submitted.withLock { $0 } == Array(replica.buckets(work).indices))
        let sum = replica.resultBuffer(work)
        var result: [ParameterID: [Float]] = [:]
        for parameter in replica.layout.trainable {
            let isTable = parameter == replica.layout.rowTable
            let count = isTable ? work.embeddingRows.count * parameter.rowWidth : parameter.count
            result[parameter.id] = (parameter.offset..<(parameter.offset + count)).map { sum[$0] }
        }
        return result
    }

    @Test(arguments: sets, [Precision.float32, .bf16])
    func `what is trained has the gradient that it has where all is`(
        _ parts: Set<ModelPart>, _ precision: Precision
    ) throws {
        guard precision.unsupportedReason == nil else { return }
        let work = TinyReplica.work(microBatches: 4, step: 0)
        let all = try Self.gradients(Self.replica(nil, precision: precision), work)
        for recompute in [false, true] {
            let replica = try Self.replica(parts, precision: precision, recompute: recompute)
            let some = try Self.gradients(replica, work)
            #expect(!some.isEmpty && some.count < all.count)
            for (id, gradient) in some {
                #expect(gradient == all[id], "\(id), recompute \(recompute)")
                #expect(gradient.contains { $0 != 0 }, "\(id)")
            }
        }
    }

    @Test func `buckets and memory are those of what is trained`() throws {
        let all = try Self.replica(nil)
        let work = TinyReplica.work(microBatches: 2, step: 0)
        // Head, two layers, positions; rows of words.
        #expect(all.buckets(work).count == 5 && all.layout.frozen.isEmpty)
        #expect(all.firstMoment.count == all.layout.count)
        for parts in Self.sets {
            let replica = try Self.replica(parts)
            let layout = replica.layout
            #expect(replica.buckets(work).count == parts.count)
            #expect(replica.firstMoment.count == layout.trainableCount && !layout.frozen.isEmpty)
            #expect(layout.count == all.layout.count && layout.parameters.count == all.layout.parameters.count)
            let trained = layout.trainable.reduce(0) { $0 + $1.count }
            #expect(layout.trainableCount >= trained && layout.trainableCount < trained + 16 * layout.parameters.count)
            #expect((layout.rowTable != nil) == parts.contains(.words))
        }
    }

    private struct Outcome: Sendable, Equatable {
        var weights: [ParameterID: [Float]]
        var moments: [Float]
        var norms: [Double]
    }

    /// Three steps of seven micro-batches over ranks that reduce by `ipc://`.
    private static func run(
        _ parts: Set<ModelPart>?, ranks: Int, threads: Int = 1, precision: Precision = .float32,
        wire: WirePrecision = .float32, recompute: Bool = false
    ) throws -> Outcome {
        var options = AllReduceOptions()
        options.wire = wire
        return try TinyRanks.run(
            ranks: ranks, steps: 3, options: options,
            replica: { try replica(parts, precision: precision, recompute: recompute, threads: threads) },
            work: { TinyReplica.work(microBatches: 7, $0, step: $1) }
        ) { replica, done in
            Outcome(
                weights: tensors(replica), moments: Array(replica.secondMoment.elements),
                norms: done.map(\.gradientNorm))
        }
    }

    @Test(arguments: sets) func `ranks, threads and recomputing do not change a bit`(_ parts: Set<ModelPart>) throws {
        let one = try Self.run(parts, ranks: 1)
        for ranks in [2, 3, 7] { #expect(try Self.run(parts, ranks: ranks) == one, "\(ranks) ranks") }
        #expect(try Self.run(parts, ranks: 1, threads: 2) == one)
        #expect(try Self.run(parts, ranks: 2, recompute: true) == one)
        if Precision.bf16.unsupportedReason == nil {
            let bf16 = try Self.run(parts, ranks: 1, precision: .bf16)
            #expect(try Self.run(parts, ranks: 3, precision: .bf16) == bf16)
        }
    }

    @Test(arguments: sets) func `what is frozen keeps its bits, what is trained does not`(
        _ parts: Set<ModelPart>
    ) throws {
        let before = Self.tensors(try Self.replica(parts))
        let layout = try Self.replica(parts).layout
        let trained = Set(layout.trainable.map(\.id))
        for wire in [WirePrecision.float32, .bf16] {
            let after = try Self.run(parts, ranks: 2, wire: wire).weights
            for (id, values) in before { #expect((after[id] != values) == trained.contains(id), "\(id), \(wire)") }
        }
    }

    @Test func `parts that a model does not have, or none, are refused`() throws {
        let encoder = TinyReplica.specification.encoder
        for parts in [[], [.layer(2)], [.head, .layer(7)]] as [Set<ModelPart>] {
            #expect(throws: ModelError.self) { try TrainableSet.training(parts, of: encoder) }
        }
        #expect(throws: ModelError.self) { try TrainableSet.freezing([.layer(2)], of: encoder) }
        #expect(throws: ModelError.self) {
            try TrainableSet.freezing(Set(ModelPart.all(of: encoder)), of: encoder)
        }
        #expect(try TrainableSet.freezing([], of: encoder) == .all)
        #expect(
            try TrainableSet.freezing(ModelPart.embeddings.union([.layer(0)]), of: encoder)
                == .only([.head, .layer(1)]))
        #expect(try TrainableSet.training(Set(ModelPart.all(of: encoder)), of: encoder) == .all)
    }

    @Test func `a model with frozen parts travels as JSON, in one form`() throws {
        var model = TinyReplica.specification
        model.trainable = try .training([.head, .layer(1)], of: model.encoder)
        let json = model.json()
        #expect(json.contains("\"trainable\":[\"head\",\"layer.1\"]"))
        #expect(try ModelSpecification(json: json).trainable == model.trainable)
        for other in ["[\"layer.1\",\"head\"]", "[\"head\",\"layer.9\"]", "[]", "[\"tail\"]", "\"some\"", "7"] {
            let wrong = json.replacing("[\"head\",\"layer.1\"]", with: other)
            #expect(throws: ModelError.self, "\(other)") { try ModelSpecification(json: wrong) }
        }
    }
}
