import Foundation
import Testing
import Training

@testable import Cluster

/// A run with real computing whose coordinator and workers are in this process, by a recipe that no option asks for.
enum TinyRun {
    static func run(
        _ world: TinyWorld, _ recipe: any Recipe, _ output: String, workers: Int, resumes: Bool = false
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
        run.recipe = recipe
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
}
