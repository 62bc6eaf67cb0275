import Collectives
import Modeling
import Numerics
import Testing

@testable import Training

/// The mean of the weights after the last steps of a phase.
@Suite struct AveragedWeightsTests {
    /// Averages after 2 steps of the phase, which begins at step 1 of the run.
    private static func make(
        averagedAfter: Int? = 2, threads: Int = 1, precision: Precision = .float32
    ) throws -> ModelReplica {
        var hyperparameters = Hyperparameters(precision: precision)
        hyperparameters.averagedAfter = averagedAfter
        let made = try ModelReplica(
            TinyReplica.specification, hyperparameters: hyperparameters, seed: 5, threads: threads, firstStep: 1)
        for (number, parameter) in made.layout.parameters.enumerated() {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: UInt32(number))
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 1)
        return made
    }

    /// Takes step `number` of the run.
    private static func step(_ replica: ModelReplica, _ number: UInt64, willUpdate: () -> Void = {}) throws {
        let reducer = try AllReducer(rank: 0, worldSize: 1, generation: 1, bind: "")
        defer { reducer.close() }
        _ = try TrainingStep(replica, reducer: reducer).run(
            TinyReplica.work(microBatches: 3, step: number), partition: [0..<3], learningRate: 0.01,
            willUpdate: willUpdate)
    }

    private static func weights(_ replica: ModelReplica) -> [Float] { Array(replica.weights.elements) }

    @Test(arguments: [1, 3]) func `it is the mean of the weights of the last steps`(threads: Int) throws {
        let plain = try Self.make(averagedAfter: nil)
        let averaged = try Self.make(threads: threads)
        var seen: [[Float]] = []
        for number in 1...6 as ClosedRange<UInt64> {
            try Self.step(plain, number)
            try Self.step(averaged, number)
            let weights = Self.weights(plain)
            let trained = averaged.layout.trainableCount
            guard number > 2 else {
                #expect(Self.weights(averaged) == weights)
                #expect(averaged.lastWeights?.elements.allSatisfy { $0 == 0 } == true)
                continue
            }
            seen.append(weights)
            #expect(Array(try #require(averaged.lastWeights).elements) == Array(weights[..<trained]))
            let mean = Self.weights(averaged)
            for i in 0..<trained {
                let expected = seen.reduce(0.0) { $0 + Double($1[i]) } / Double(seen.count)
                #expect(abs(Double(mean[i]) - expected) < 2e-7)
            }
            #expect(mean[trained...] == weights[trained...])
            if seen.count == 1 { #expect(mean == weights) }
        }
        #expect(plain.lastWeights == nil)
    }

    @Test(arguments: [Precision.float32, .bf16])
    func `looking at the state changes nothing, and an evaluation sees the mean`(precision: Precision) throws {
        guard precision.unsupportedReason == nil else { return }
        let (quiet, watched) = (try Self.make(precision: precision), try Self.make(precision: precision))
        let batches = TinyReplica.work(microBatches: 2).microBatches
        for number in 1...5 as ClosedRange<UInt64> {
            try Self.step(quiet, number)
            _ = watched.evaluate(batches)
            try Self.step(watched, number)
            _ = watched.weights
        }
        let found = watched.evaluate(batches).map(\.losses)
        #expect(Self.weights(quiet) == Self.weights(watched))
        #expect(quiet.evaluate(batches).map(\.losses) == found)
        let other = try Self.make(averagedAfter: nil, precision: precision)
        other.weights.pointer.update(from: watched.weights.pointer, count: other.weights.count)
        other.restored(appliedSteps: 6)
        #expect(other.evaluate(batches).map(\.losses) == found)
    }

    @Test(arguments: [2, 4, 5] as [UInt64]) func `a state that is moved goes on to the same bits`(moved: UInt64) throws
    {
        let whole = try Self.make()
        var current = try Self.make()
        for number in 1...6 as ClosedRange<UInt64> {
            try Self.step(whole, number)
            try Self.step(current, number)
            guard number == moved else { continue }
            let next = try Self.make()
            func copy(_ source: FloatBuffer, _ destination: FloatBuffer) {
                destination.pointer.update(from: source.pointer, count: destination.count)
            }
            copy(current.weights, next.weights)
            copy(try #require(current.lastWeights), try #require(next.lastWeights))
            copy(current.firstMoment, next.firstMoment)
            copy(current.secondMoment, next.secondMoment)
            next.restored(appliedSteps: current.appliedSteps)
            current = next
        }
        #expect(Self.weights(whole) == Self.weights(current))
        #expect(Array(try #require(whole.lastWeights).elements) == Array(try #require(current.lastWeights).elements))
    }

    @Test func `what is sent of the state is told before a step changes it`() throws {
        let replica = try Self.make()
        for number in 1...4 as ClosedRange<UInt64> { try Self.step(replica, number) }
        #expect(!replica.changesWeightsInStep)
        let mean = Self.weights(replica)
        #expect(replica.changesWeightsInStep)
        // A step that is given up before the update leaves the state.
        let work = TinyReplica.work(microBatches: 3, step: 5)
        #expect(throws: CancellationError.self) {
            try replica.computeGradients(work, isAbandoned: { true }) { _, _ in }
        }
        #expect(!replica.changesWeightsInStep)
        #expect(Self.weights(replica) == mean)
        // From here the step begins with another change of the weights, of which is told while they are as they were.
        var told: [Bool] = []
        try Self.step(replica, 5) { told.append(!replica.changesWeightsInStep) }
        #expect(told == [false, true])
        told = []
        try Self.step(replica, 6) { told.append(!replica.changesWeightsInStep) }
        #expect(told == [true])
    }
}
