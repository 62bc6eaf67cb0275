import Checkpoint
import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Runs of two phases with real computing; see ``TinyRun``.
@Suite(.serialized) struct PhaseRunTests {
    /// Four steps with a head of five outputs, then five with one for the classes.
    private struct TwoPhases: Recipe {
        static let name = "two phases"

        func phases(_ request: RecipeRequest) -> [Phase] {
            var phases = FineTuning().phases(request) + FineTuning().phases(request)
            phases[0].name = "wide"
            phases[0].head = SequenceClassification(labels: 5, dropout: 0.1)
            phases[0].length = .steps(4)
            phases[1].length = .steps(5)
            phases[1].schedule.learningRate /= 2
            phases[1].batchSize = 16
            return phases
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `the number of workers, kills, and resuming in either phase, do not change a bit`() async throws {
        let world = try TinyWorld()
        let first = try await TinyRun.run(world, TwoPhases(), "w1", workers: 1)
        #expect(first.steps == 9 && (first.test?.metrics.examples ?? 0) == 30)
        for workers in [2, 3, 7] {
            let result = try await TinyRun.run(world, TwoPhases(), "w\(workers)", workers: workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
        }
        for step in [2, 6] {
            let result = try await TinyRun.run(world, TwoPhases(), "killed-\(step)", workers: 3, killing: step)
            #expect(result.weightsSHA256 == first.weightsSHA256, "killed after step \(step)")
        }
        let lines = try world.jsonLines("w1/metrics.jsonl").filter { $0["learning_rate"] != nil }
        #expect(lines.compactMap { $0["phase"] as? Int } == [1, 1, 1, 1, 2, 2, 2, 2, 2])
        #expect(lines.compactMap { $0["samples"] as? Int } == [20, 20, 12, 20, 16, 16, 16, 4, 16])
        #expect(lines.compactMap { $0["epoch"] as? Int } == [1, 1, 1, 2, 1, 1, 1, 1, 2])
        let end = try CheckpointFolder(runDirectory: world.path("w1"), step: 4).loadState()
        #expect(end.phase == nil && end.appliedSteps == 4)
        let later = try CheckpointFolder(runDirectory: world.path("w1"), step: 6).loadState()
        #expect(later.phase == 1 && later.appliedSteps == 2)

        // Resumed within the first phase, at its end, and within the second.
        for step in [2, 4, 6] {
            for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > step {
                try FileManager.default.removeItem(atPath: checkpoint.path)
            }
            for file in ["result.json", "model"] {
                try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
            }
            let result = try await TinyRun.run(world, TwoPhases(), "w2", workers: 2, resumes: true)
            #expect(result.weightsSHA256 == first.weightsSHA256, "from step \(step)")
            #expect(try world.jsonLines("w2/metrics.jsonl").filter { $0["learning_rate"] != nil }.count == 9)
        }
    }
}
