import Checkpoint
import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// What a run is settled to be, concern by concern.
struct RunLoaderTests {
    private func run(_ change: (inout RunConfiguration) -> Void = { _ in }) -> RunConfiguration {
        var run = RunConfiguration(model: "m", train: "t.csv", output: "runs/a")
        change(&run)
        return run
    }

    /// The phases of fine-tuning by this run.
    private func phases(_ run: RunConfiguration) -> [Phase] {
        FineTuning().phases(
            RecipeRequest(
                run: run, head: SequenceClassification(labels: 2, dropout: 0.1), objective: CrossEntropy(), maxLength: 8
            ))
    }

    private func length(_ run: RunConfiguration, examples: Int) throws -> RunLength {
        try RunLength(phases(run), of: run, examples: [examples])
    }

    @Test func `the steps follow from epochs and examples, or are given`() throws {
        #expect(try length(run { $0.epochs = 3 }, examples: 65).totalSteps == 9)
        #expect(try length(run { ($0.epochs, $0.steps) = (nil, 5) }, examples: 65).totalSteps == 5)
        #expect(try length(run { $0.seed = 7 }, examples: 65).plans[0].stepsPerEpoch == 3)
    }

    @Test func `the steps of a phase are numbered on from those of the one before`() throws {
        let run = run { $0.epochs = 2 }
        var both = phases(run) + phases(run)
        (both[1].length, both[1].batchSize) = (.steps(4), 10)
        let length = try RunLength(both, of: run, examples: [65, 65])
        #expect(length.steps == [0..<6, 6..<10] && length.totalSteps == 10)
        #expect(length.plans.map(\.phase) == [0, 1] && length.plans[1].stepsPerEpoch == 7)
        both[1].length = .steps(.max)
        #expect(throws: ConfigurationError.self) { try RunLength(both, of: run, examples: [65, 65]) }
    }

    @Test func `numbers that do not go with the examples are refused by option`() {
        #expect { try length(run { $0.workers = 4 }, examples: 3) } throws: {
            "\($0)" == "--workers is 4, but must be at most the 3 examples of t.csv"
        }
        #expect { try length(run { $0.epochs = .max }, examples: 65) } throws: {
            "\($0)".hasPrefix("--epochs is \(Int.max), but must be")
        }
        #expect(throws: (any Error).self) { try length(run(), examples: 0) }
    }

    @Test func `a run that is complete is refused, one that only lacks its ending is not`() throws {
        let length = try self.length(run { $0.epochs = 3 }, examples: 65)
        func check(_ checkpoint: Int, _ finished: Int?) -> String? {
            do throws(RunError) {
                try length.requireRest(checkpoint: checkpoint, finished: finished, output: "runs/a")
                return nil
            } catch { return error.description }
        }
        #expect(check(0, nil) == nil && check(9, nil) == nil && check(8, 8) == nil)
        #expect(
            check(9, 9)
                == "runs/a: the run is complete: 9 steps of 9; to train longer give more --epochs or --steps")
        #expect(check(10, nil)?.contains("10 steps of 9") == true)
        #expect(check(0, 12)?.contains("12 steps of 9") == true)
    }

    @Test func `the length of texts is the usual one, or what the model has`() throws {
        #expect(try RunModel.maxLength(nil, positions: 512) == 128)
        #expect(try RunModel.maxLength(nil, positions: 64) == 64)
        #expect(try RunModel.maxLength(512, positions: 512) == 512)
        #expect(throws: ConfigurationError.self) { try RunModel.maxLength(65, positions: 64) }
    }

    @Test func `a warmup that would cover all steps is shortened, and that is said`() {
        let (usual, none) = phases(run { $0.warmup = .steps(5) })[0].schedule(steps: 10)
        #expect(usual.warmupSteps == 5 && none == [])
        let (short, warnings) = phases(run { $0.warmup = .steps(10) })[0].schedule(steps: 10)
        #expect(short.warmupSteps == 1 && short.rate(at: 1) > 0)
        #expect(
            warnings == ["--warmup 10 would cover all 10 steps: the rate rises over 1 steps instead"], "\(warnings)")
    }

    @Test func `the schedule goes on from a checkpoint`() throws {
        var state = LoadedState(weights: FloatBuffer(count: 1))
        state.schedule = PlateauState(rate: 0.125).values
        let plateau = phases(run { ($0.schedule, $0.warmup) = (.plateau, .none) })[0].schedule(steps: 10).schedule
        #expect(try plateau.restored(from: state).rate(at: 0) == 0.125)
        state.schedule["rate"] = nil
        #expect(throws: TrainingError.self) { try plateau.restored(from: state) }
    }

    @Test func `a checkpoint holds the moments that its optimizer has`() {
        #expect(StatePart.parts(of: Hyperparameters()) == [.weights, .firstMoment, .secondMoment])
        #expect(StatePart.parts(of: Hyperparameters(optimizer: .sgd(momentum: 0.9))) == [.weights, .firstMoment])
        #expect(StatePart.parts(of: Hyperparameters(optimizer: .sgd())) == [.weights])
        var averaged = Hyperparameters(optimizer: .sgd())
        averaged.averagedAfter = 0
        #expect(StatePart.parts(of: averaged) == [.weights, .lastWeights])
    }

    @Test func `the mean begins with the last share of the steps, which is one at least`() {
        var run = RunConfiguration.standard
        #expect(run.averagedAfter(steps: 8) == nil)
        for (share, steps, after) in [(0.25, 8, 6), (0.25, 10, 7), (1, 5, 0), (0.001, 5, 4), (0.5, 1, 0)] {
            run.averageWeights = share
            #expect(run.averagedAfter(steps: steps) == after, "\(share) of \(steps)")
        }
        #expect(run.averagedAfter(steps: 0) == nil)
    }

    @Test func `evaluation has batches of about two thousand tokens, and one at least`() {
        func batch(_ length: Int, _ classes: Int) -> Int {
            PhasePlan.evaluationBatch(maxLength: length, head: SequenceClassification(labels: classes, dropout: 0))
        }
        #expect(batch(128, 8) == 16)
        #expect(batch(512, 8) == 4)
        #expect(batch(65_536, 8) == 1)
        #expect(batch(8, ControlLimits.maxOutputWidth) == 1)
        for (vocabulary, expected) in [(30_522, 16), (250_002, 3), (16_777_216, 1)] {
            let head = MaskedLanguageModel(vocabulary: vocabulary, epsilon: 1e-12)
            #expect(PhasePlan.evaluationBatch(maxLength: 128, head: head) == expected)
        }
    }

    @Test func `only a run that was finished, or is to be shorter, may be complete`() throws {
        let folder = NSTemporaryDirectory() + "shoal-rest-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var resumption = try Resumption(runDirectory: folder, fingerprint: [:], acceptsChanges: false)
        #expect(!resumption.mayBeComplete(steps: nil) && !resumption.mayBeComplete(steps: 0))
        resumption.finishedSteps = 9
        #expect(resumption.mayBeComplete(steps: nil))
        (resumption.finishedSteps, resumption.checkpoint) = (nil, CheckpointFolder(runDirectory: folder, step: 5))
        #expect(resumption.mayBeComplete(steps: 4) && !resumption.mayBeComplete(steps: 5))
    }
}
