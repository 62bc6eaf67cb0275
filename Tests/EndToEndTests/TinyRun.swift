import Foundation
import Synchronization
import Training

@testable import Cluster

/// A run with real computing whose coordinator is in this process, by a recipe that no option asks for. Its workers are
/// real processes: they are sent models, and know of no recipe.
enum TinyRun {
    /// - Parameters:
    ///   - killing: The step after which the first worker that joined is killed; it is started again.
    ///   - killsInCollection: Whether the first worker that joined is killed while embeddings are collected.
    ///   - killsAfterCollection: Whether it is killed once all embeddings are there, while the classifier is computed.
    ///   - cache: The folder of embeddings of former runs; nil for none.
    ///   - change: Sets further options.
    ///   - observe: Sees what happens.
    static func run(
        _ world: TinyWorld, _ recipe: any Recipe, _ output: String, workers: Int, killing step: Int? = nil,
        resumes: Bool = false, killsInCollection: Bool = false, killsAfterCollection: Bool = false,
        cache: String? = nil, change: (inout RunConfiguration) throws -> Void = { _ in },
        observe: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) async throws -> RunResult {
        var configuration = RunConfiguration(
            model: world.path("model"), train: world.path("train.csv"), output: world.path(output))
        configuration.test = world.path("test.csv")
        (configuration.workers, configuration.batchSize, configuration.learningRate) = (workers, 20, 3e-3)
        (configuration.checkpointEvery, configuration.keepCheckpoints) = (2, 10)
        try change(&configuration)
        let victim = Mutex<Int32?>(nil)
        var run = TrainingRun(
            configuration: configuration, workers: .local(command: [ShoalProcess.binary.path, "worker"]),
            resume: resumes ? ResumeOptions(acceptsChanges: false) : nil, embeddingFolder: cache
        ) { event in
            observe(event)
            switch event {
            case .workerJoined(let worker, _, _): victim.withLock { $0 = $0 ?? Int32(exactly: worker.pid) }
            case .step(let metrics) where metrics.step == step:
                if let pid = victim.withLock({ $0 }) { kill(pid, SIGKILL) }
            case .evaluating(.collection, _, _) where killsInCollection:
                if let pid = victim.withLock({ $0 }) { kill(pid, SIGKILL) }
            case .evaluating(.collection, let done, let total) where killsAfterCollection && done == total:
                if let pid = victim.withLock({ $0 }) { kill(pid, SIGKILL) }
            default: break
            }
        }
        run.recipe = recipe
        return try await run.run()
    }
}
