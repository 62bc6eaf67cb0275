import Numerics
import Synchronization
import Testing

@testable import Training

/// Sums the contributions of one rank in this process, and rounds them as a coarse wire would.
private final class LocalReducer: GradientReducer {
    /// The state of a step; used by one thread at a time, between begin and finish under the lock.
    private struct State: @unchecked Sendable {
        var step: ReductionStep?
        var submitted: [Int] = []
        var residualBefore: [Float] = []
    }

    let rank = 0
    let worldSize = 1
    let roundsGradients: Bool
    /// What other ranks attach, before and after this one's.
    let others: [[UInt8]]
    private let state = Mutex(State())

    init(rounds: Bool = false, others: [[UInt8]] = []) {
        roundsGradients = rounds
        self.others = others
    }

    struct Busy: Error {}

    func begin(_ step: ReductionStep) throws {
        let residuals = step.buckets.flatMap { range in range.map { step.residual?[$0] ?? 0 } }
        state.withLock { $0 = State(step: step, residualBefore: residuals) }
    }

    func submit(bucket: Int, contributions: [Contribution]) {
        state.withLock { state in
            guard let step = state.step else { return }
            state.submitted.append(bucket)
            guard let root = contributions.first, contributions.count == 1 else { return }
            for i in step.buckets[bucket] {
                let exact = root.base[i] + (step.residual?[i] ?? 0)
                // Of one significant bit: much is lost in every step.
                let sent = roundsGradients ? Float(sign: exact.sign, exponent: exact.exponent, significand: 1) : exact
                step.result[i] = exact == 0 ? 0 : sent
                step.residual?[i] = exact == 0 ? 0 : exact - sent
            }
        }
    }

    func finish(piggyback: [UInt8]) throws -> Reduction {
        try state.withLock { state in
            guard let step = state.step, state.submitted == Array(step.buckets.indices) else { throw Busy() }
            let squares = step.buckets.joined().reduce(0.0) { $0 + Double(step.result[$1]) * Double(step.result[$1]) }
            return Reduction(sumOfSquares: squares, bytesSent: 7, piggybacks: [piggyback] + others)
        }
    }

    /// The residuals that the last step was given, bucket by bucket.
    var residualBefore: [Float] { state.withLock { $0.residualBefore } }
}

@Suite struct TrainingStepTests {
    @Test func `a step is gradients, their sum and the optimizer`() throws {
        let work = TinyReplica.work(microBatches: 4, step: 0)
        let byHand = try TinyReplica.make()
        let results = try byHand.computeGradients(work) { _, _ in }
        let sum = byHand.resultBuffer(work)
        let squares = byHand.buckets(work).joined().reduce(0.0) { $0 + Double(sum[$1]) * Double(sum[$1]) }
        let norm = try byHand.apply(gradientSum: sum, work: work, sumOfSquares: squares, learningRate: 0.01)

        let replica = try TinyReplica.make()
        let before = Array(replica.weights.elements)
        let step = TrainingStep(replica, reducer: LocalReducer())
        let outcome = try step.run(work, partition: [0..<4], learningRate: 0.01)
        #expect(outcome.lossSums == results.map(\.lossSum))
        #expect(outcome.gradientNorm == norm)
        #expect(outcome.bytesSent == 7)
        #expect(Array(replica.weights.elements) == Array(byHand.weights.elements))
        #expect(Array(replica.weights.elements) != before)
        #expect(replica.appliedSteps == 1)
    }

    @Test func `the optimizer's steps count from the beginning of the phase`() throws {
        func weights(firstStep: UInt64) throws -> [Float] {
            let replica = try TinyReplica.make(firstStep: firstStep, dropout: 0)
            let step = TrainingStep(replica, reducer: LocalReducer())
            for number in 0..<3 {
                let work = TinyReplica.work(microBatches: 2, step: firstStep + UInt64(number))
                _ = try step.run(work, partition: [0..<2], learningRate: 0.01)
            }
            #expect(replica.appliedSteps == firstStep + 3)
            return Array(replica.weights.elements)
        }
        #expect(try weights(firstStep: 7) == weights(firstStep: 0))
    }

    @Test func `a rank without micro-batches hands over empty buckets`() throws {
        let replica = try TinyReplica.make()
        let reducer = LocalReducer(others: [LossPiggyback.encode([0.5, 0.25])])
        let work = TinyReplica.work(microBatches: 2, 0..<0, step: 0)
        let outcome = try TrainingStep(replica, reducer: reducer).run(
            work, partition: [0..<0, 0..<2], learningRate: 0.1)
        #expect(outcome.lossSums == [0.5, 0.25])
        #expect(replica.appliedSteps == 1)
    }

    @Test func `what rounding has lost comes back with the next step`() throws {
        let replica = try TinyReplica.make()
        let reducer = LocalReducer(rounds: true)
        let step = TrainingStep(replica, reducer: reducer)
        _ = try step.run(TinyReplica.work(microBatches: 1, step: 0), partition: [0..<1], learningRate: 0.01)
        #expect(reducer.residualBefore.allSatisfy { $0 == 0 })
        _ = try step.run(TinyReplica.work(microBatches: 1, step: 1), partition: [0..<1], learningRate: 0.01)
        #expect(reducer.residualBefore.contains { $0 != 0 })
        // Another generation owes nothing.
        let next = LocalReducer(rounds: true)
        _ = try TrainingStep(replica, reducer: next).run(
            TinyReplica.work(microBatches: 1, step: 2), partition: [0..<1], learningRate: 0.01)
        #expect(next.residualBefore.allSatisfy { $0 == 0 })
    }

    @Test func `a reducer that rounds nothing keeps no residual`() throws {
        let replica = try TinyReplica.make()
        let reducer = LocalReducer()
        let step = TrainingStep(replica, reducer: reducer)
        for number in 0..<2 {
            let work = TinyReplica.work(microBatches: 1, step: UInt64(number))
            _ = try step.run(work, partition: [0..<1], learningRate: 0.01)
        }
        #expect(reducer.residualBefore.allSatisfy { $0 == 0 })
    }

    @Test func `an abandoned step and losses that cannot be change nothing`() throws {
        let replica = try TinyReplica.make(threads: 2)
        let before = Array(replica.weights.elements)
        let work = TinyReplica.work(microBatches: 4, step: 0)
        #expect(throws: CancellationError.self) {
            try TrainingStep(replica, reducer: LocalReducer()).run(
                work, partition: [0..<4], learningRate: 1, isAbandoned: { true })
        }
        #expect(throws: PeerDataError.self) {
            // A rank with no micro-batches that sends a loss.
            try TrainingStep(replica, reducer: LocalReducer(others: [[1]])).run(
                work, partition: [0..<4, 4..<4], learningRate: 1)
        }
        #expect(Array(replica.weights.elements) == before)
        #expect(replica.appliedSteps == 0)
    }
}
