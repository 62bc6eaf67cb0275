import Collectives
import Foundation
import Modeling
import Numerics
import Synchronization
import TestSupport
import Testing

@testable import Training

/// A contrastive loss: samples of one class belong together (Khosla et al., "Supervised Contrastive Learning", 2020,
/// with dot products of outputs as similarities). For each sample with a partner, the negative logarithm of its
/// partners' share of the exponentials of all others.
private protocol ToyContrastive: Objective {}

extension ToyContrastive {
    func validate(head: any Head) throws(ModelError) {}

    func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes = targets else { throw .invalidBatch("no labels to learn from") }
    }

    func weight(of targets: Targets) -> Double {
        guard case .classes(let labels) = targets else { return 0 }
        return Double(labels.count)
    }

    /// Nothing is evaluated here.
    func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] { [Double](repeating: 0, count: outputs.rows) }

    func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .classes(let labels) = targets else { return 0 }
        var gradient = [Double](repeating: 0, count: outputs.rows * outputs.width)
        var loss = 0.0
        for (i, label) in labels.enumerated() {
            let others = labels.indices.filter { $0 != i }
            let scores = others.map { j in
                exp(zip(outputs.row(i), outputs.row(j)).reduce(0) { $0 + Double($1.0) * Double($1.1) })
            }
            let all = scores.reduce(0, +)
            let partners = zip(others, scores).reduce(0) { $0 + (labels[$1.0] == label ? $1.1 : 0) }
            guard partners > 0 else { continue }
            loss += log(all) - log(partners)
            for (j, score) in zip(others, scores) {
                let factor = score / all - (labels[j] == label ? score / partners : 0)
                for k in 0..<outputs.width {
                    gradient[i * outputs.width + k] += factor * Double(outputs.row(j)[k])
                    gradient[j * outputs.width + k] += factor * Double(outputs.row(i)[k])
                }
            }
        }
        if withGradient { for i in gradient.indices { outputs.gradient[i] = Float(gradient[i]) } }
        return loss
    }
}

private struct ContrastiveOverStep: ToyContrastive {
    static let kind = "toy-contrastive-step"
    static let scope = LossScope.step
}

private struct ContrastiveOverMicroBatch: ToyContrastive {
    static let kind = "toy-contrastive-micro-batch"
}

/// Losses over a whole step.
@Suite struct WholeBatchTests {
    private struct Outcome: Equatable {
        var weights: [Float]
        var lossSums: [Double]
        var gradientNorms: [Double]
    }

    private static func replica(
        _ objective: any Objective, threads: Int = 1, trainable: TrainableSet = .all
    ) throws -> ModelReplica {
        var specification = TinyReplica.specification
        (specification.objective, specification.trainable) = (objective, trainable)
        let made = try ModelReplica(
            specification, hyperparameters: Hyperparameters(), seed: 5, threads: threads)
        for (number, parameter) in made.layout.parameters.enumerated() {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: UInt32(number))
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 0)
        return made
    }

    /// Two steps of so many micro-batches, dealt to ranks; all must end with the same.
    private static func run(
        _ objective: any Objective & Sendable, ranks: Int, microBatches: Int = 7, threads: Int = 1,
        options: AllReduceOptions = .init(), trainable: TrainableSet = .all,
        work make: @escaping @Sendable (Range<Int>, UInt64) -> StepWork
    ) throws -> Outcome {
        try TinyRanks.run(
            ranks: ranks, microBatches: microBatches, steps: 2, options: options,
            replica: { try replica(objective, threads: threads, trainable: trainable) }, work: make
        ) { replica, done in
            Outcome(
                weights: Array(replica.weights.elements), lossSums: done.flatMap(\.lossSums),
                gradientNorms: done.map(\.gradientNorm))
        }
    }

    private static func spread(_ part: Range<Int>, _ step: UInt64) -> StepWork {
        TinyReplica.work(microBatches: 7, part, step: step)
    }

    @Test(arguments: [2, 3, 7, 9]) func `the number of ranks does not change a bit`(_ ranks: Int) throws {
        let alone = try Self.run(ContrastiveOverStep(), ranks: 1, work: Self.spread)
        let together = try Self.run(ContrastiveOverStep(), ranks: ranks, work: Self.spread)
        #expect(together == alone)
        let threads = try Self.run(ContrastiveOverStep(), ranks: 1, threads: 3, work: Self.spread)
        #expect(threads == alone)
        #expect(alone.lossSums[0] > 0 && alone.lossSums[7] > 0)
        #expect(alone.lossSums.enumerated().allSatisfy { $0 % 7 == 0 || $1 == 0 })
        let apart = try Self.run(ContrastiveOverMicroBatch(), ranks: 1, work: Self.spread)
        #expect(apart.weights != alone.weights, "samples of other micro-batches count")
    }

    @Test func `a part of the model alone can learn by it`() throws {
        let set = TrainableSet.only([.head, .layer(1)])
        let alone = try Self.run(ContrastiveOverStep(), ranks: 1, trainable: set, work: Self.spread)
        let together = try Self.run(ContrastiveOverStep(), ranks: 3, trainable: set, work: Self.spread)
        #expect(together == alone)
        let all = try Self.run(ContrastiveOverStep(), ranks: 1, work: Self.spread)
        #expect(alone.lossSums[0] == all.lossSums[0] && alone.gradientNorms[0] < all.gradientNorms[0])
    }

    @Test func `buckets are announced as often with a loss of the whole step`() throws {
        let replica = try Self.replica(ContrastiveOverStep(), trainable: .only([.head]))
        let work = TinyReplica.work(microBatches: 2, step: 0)
        let outputs = try replica.trainingOutputs(work, isAbandoned: { false })
        let loss = WholeBatchLoss(sum: 3, gradients: outputs.map { $0.map { _ in 1 } })
        let announced = Mutex<[Int]>([])
        let results = try replica.computeGradients(work, of: loss, isAbandoned: { false }) { bucket, _ in
            announced.withLock { $0.append(bucket) }
        }
        #expect(announced.withLock { $0 } == [0] && replica.buckets(work).count == 1)
        #expect(results.map(\.lossSum) == [3, 0])
    }

    @Test func `a step whose exchange has no numbers left is refused`() throws {
        let replica = try Self.replica(ContrastiveOverStep())
        let reducer = try AllReducer(rank: 0, worldSize: 1, generation: 1, bind: "")
        defer { reducer.close() }
        let work = TinyReplica.work(microBatches: 1, step: 1 << 53)
        #expect(throws: ModelError.self) {
            try TrainingStep(replica, reducer: reducer).run(work, partition: [0..<1], learningRate: 0.1)
        }
    }

    /// The samples of a step as one micro-batch.
    private static func whole(_ part: Range<Int>, _ step: UInt64) -> StepWork {
        let parts = spread(0..<7, step)
        var batch = PackedBatch()
        for each in parts.microBatches {
            guard case .classes(let labels) = each.targets else { continue }
            for s in 0..<each.sequenceCount {
                let range = Int(each.offsets[s])..<Int(each.offsets[s + 1])
                batch.append(
                    tokenIDs: Array(each.tokenIDs[range]), typeIDs: Array(each.typeIDs[range]),
                    sampleKey: each.sampleKeys[s], target: .classIndex(labels[s]))
            }
        }
        return StepWork(
            step: step, microBatchCount: 1, firstMicroBatch: part.lowerBound, microBatches: [batch],
            embeddingRows: parts.embeddingRows, gradientDivisor: parts.gradientDivisor)
    }

    @Test func `the loss and the step are those of one batch`() throws {
        let cut = try Self.run(ContrastiveOverStep(), ranks: 3, work: Self.spread)
        let one = try Self.run(ContrastiveOverMicroBatch(), ranks: 1, microBatches: 1, work: Self.whole)
        for (mine, theirs) in zip([cut.lossSums[0], cut.lossSums[7]], one.lossSums) {
            #expect(abs(mine - theirs) < 1e-4 * theirs)
        }
        for (mine, theirs) in zip(cut.gradientNorms, one.gradientNorms) {
            #expect(abs(mine - theirs) < 1e-4 * theirs)
        }
        // AdamW's first steps have the size of the rate, whatever the gradient: 1e-4 of two of them.
        let far = zip(cut.weights, one.weights).count { abs($0 - $1) > 2e-6 }
        #expect(Double(far) < 0.01 * Double(one.weights.count))
        let same = try Self.run(ContrastiveOverStep(), ranks: 1, microBatches: 1, work: Self.whole)
        #expect(same == one, "one micro-batch is a whole batch, bit for bit")
    }

    @Test func `outputs of all ranks are longer than one piggyback`() throws {
        let folder = NSTemporaryDirectory() + "shoal-gather-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reducers = try (0..<2).map {
            try AllReducer(rank: $0, worldSize: 2, generation: 1, bind: "ipc://\(folder)/\($0)")
        }
        defer { for reducer in reducers { reducer.close() } }
        let own = [[UInt8](repeating: 3, count: 200_000), [UInt8](0..<10)]
        let endpoints = reducers.map(\.endpoint)
        let gathered = Mutex<[[[UInt8]]]>([])
        let group = DispatchGroup()
        for (rank, reducer) in reducers.enumerated() {
            group.enter()
            Thread.detachNewThread {
                defer { group.leave() }
                let memory = FloatBuffer(count: 1)
                let step = ReductionStep(
                    number: 5, tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2], buckets: [],
                    result: memory.pointer)
                do {
                    try reducer.connect(to: endpoints)
                    let all = try reducer.gather(own[rank], in: step, limit: 1 << 20)
                    gathered.withLock { $0.append(all) }
                } catch { Issue.record("\(error)") }
            }
        }
        group.wait()
        #expect(gathered.withLock { $0 } == [own, own])
    }

    @Test func `outputs that do not fit are refused by rank`() throws {
        let model = TinyReplica.specification
        let batches = TinyReplica.work(microBatches: 3).microBatches
        let outputs = batches.map { batch in
            (0..<batch.sequenceCount * 3).map { Float($0) - 0.5 }
        }
        let pieces = [
            GatheredOutputs.encode(Array(batches[..<1]), outputs: Array(outputs[..<1]), model.head), [],
            GatheredOutputs.encode(Array(batches[1...]), outputs: Array(outputs[1...]), model.head),
        ]
        let partition = [0..<1, 1..<1, 1..<3]
        let gathered = try GatheredOutputs(pieces, partition: partition, model)
        #expect(gathered.parts.map(\.values) == outputs)
        #expect(gathered.parts.map(\.targets) == batches.map(\.targets))
        for (rank, change) in [
            (0, { $0.removeLast() }), (0, { $0.append(0) }), (1, { $0 = [0] }), (2, { $0[8] = 2 }),
            (2, { $0[0] = 0 }), (2, { $0[4] += 4 }), (2, { $0[9] = 99 }), (2, { $0 = [] }),
        ] as [(Int, (inout [UInt8]) -> Void)] {
            var bad = pieces
            change(&bad[rank])
            let error = #expect(throws: PeerDataError.self) {
                try GatheredOutputs(bad, partition: partition, model)
            }
            #expect(error?.rank == rank)
        }
        #expect(Targets.joined([.classes([1]), .none]) == nil && Targets.joined([.none, .classes([1])]) == nil)
        #expect(Targets.joined([.none, .none]) == Targets.none)
    }

    @Test func `an output that is not finite names its micro-batch before anything is sent`() throws {
        let replica = try Self.replica(ContrastiveOverStep())
        // The word embedding of one token: only micro-batches with it are affected.
        let work = TinyReplica.work(microBatches: 4, step: 0)
        let counts = work.microBatches.map { Set($0.tokenIDs) }
        let token = try #require(counts[2].first { id in !counts[0].contains(id) && !counts[1].contains(id) })
        let width = try #require(replica.layout.rowTable).rowWidth
        replica.weights.pointer[replica.layout.denseCount + Int(token) * width] = .infinity
        let error = #expect(throws: NonFiniteError.self) {
            try replica.trainingOutputs(work, isAbandoned: { false })
        }
        #expect(error?.microBatch == 2)
    }
}
