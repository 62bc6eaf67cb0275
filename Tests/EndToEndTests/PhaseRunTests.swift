import Checkpoint
import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Runs of two phases with real computing: coordinator and workers are in this process, as no option asks for such a
/// run.
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

    private func run(
        _ world: TinyWorld, _ output: String, workers: Int, resumes: Bool = false
    ) async throws -> RunResult {
        var configuration = RunConfiguration(
            model: world.path("model"), train: world.path("train.csv"), output: world.path(output))
        configuration.test = world.path("test.csv")
        (configuration.workers, configuration.batchSize, configuration.learningRate) = (workers, 20, 3e-3)
        (configuration.checkpointEvery, configuration.keepCheckpoints) = (2, 10)
        let portFile = world.path("port-\(output)")
        try? FileManager.default.removeItem(atPath: portFile)
        var run = TrainingRun(
            configuration: configuration, workers: .external(bind: "tcp://127.0.0.1:*", portFile: portFile),
            resume: resumes ? ResumeOptions(acceptsChanges: false) : nil
        ) { _ in }
        run.recipe = TwoPhases()
        let made = run
        return try await withThrowingTaskGroup(of: RunResult?.self) { group in
            group.addTask { try await made.run() }
            for _ in 0..<workers {
                group.addTask {
                    var port: String?
                    while port == nil {
                        try await Task.sleep(for: .milliseconds(20))
                        port = try? String(contentsOfFile: portFile, encoding: .utf8)
                    }
                    let endpoint = "tcp://127.0.0.1:\(port?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "")"
                    _ = try await Worker.run(WorkerOptions(coordinator: endpoint)) { _ in }
                    return nil
                }
            }
            var result: RunResult?
            for try await done in group { result = done ?? result }
            return try #require(result)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `the number of workers, and resuming in either phase, do not change a bit`() async throws {
        let world = try TinyWorld()
        let first = try await run(world, "w1", workers: 1)
        #expect(first.steps == 9 && (first.test?.metrics.examples ?? 0) == 30)
        for workers in [2, 3] {
            let result = try await run(world, "w\(workers)", workers: workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
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
            let result = try await run(world, "w2", workers: 2, resumes: true)
            #expect(result.weightsSHA256 == first.weightsSHA256, "from step \(step)")
            #expect(try world.jsonLines("w2/metrics.jsonl").filter { $0["learning_rate"] != nil }.count == 9)
        }
    }
}
