import Foundation
import Testing

@testable import Cluster

extension TinyRun {
    /// Expects the same weights and the same figures of the test set from 1, 2, 3 and 7 workers, with a worker killed
    /// after a step, and for runs that are resumed from their last checkpoint and from one in the middle.
    ///
    /// - Parameter change: Sets the options of the run; a checkpoint is kept after every second step.
    /// - Returns: What the run of one worker, in the folder `w1`, came to.
    @discardableResult
    static func requireSameBits(
        _ world: TinyWorld, _ recipe: any Recipe, killing step: Int = 3,
        change: (inout RunConfiguration) throws -> Void
    ) async throws -> RunResult {
        func run(
            _ output: String, _ workers: Int, killing step: Int? = nil, resumes: Bool = false
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, recipe, output, workers: workers, killing: step, resumes: resumes, change: change)
        }
        let first = try await run("w1", 1)
        #expect(first.weightsSHA256.count == 64)
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        #expect(try await run("killed", 3, killing: step).weightsSHA256 == first.weightsSHA256)
        // From the last checkpoint, and from one in the middle.
        for (output, workers, isLast) in [("w2", 3, true), ("w3", 1, false)] {
            let kept = try FileManager.default.contentsOfDirectory(atPath: world.path("\(output)/checkpoints"))
                .filter { $0.hasPrefix("step-") }.sorted()
            #expect(kept.count > 1)
            let lost = kept.dropFirst(isLast ? kept.count : kept.count - 1).map { "checkpoints/\($0)" }
            for file in ["result.json", "model"] + lost {
                try FileManager.default.removeItem(atPath: world.path("\(output)/\(file)"))
            }
            let resumed = try await run(output, workers, resumes: true)
            #expect(resumed.weightsSHA256 == first.weightsSHA256, "\(output) resumed")
            #expect(resumed.test?.metrics == first.test?.metrics)
        }
        return first
    }
}
