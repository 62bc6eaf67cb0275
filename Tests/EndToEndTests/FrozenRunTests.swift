import Checkpoint
import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Runs of which a part of the model alone is trained, with real computing.
@Suite(.serialized) struct FrozenRunTests {
    /// Trains the head and the upper of two layers.
    private struct UpperHalf: Recipe {
        static let name = "upper half"

        func phases(_ request: RecipeRequest) -> [Phase] {
            var phases = FineTuning().phases(request)
            phases[0].trainable = .only([.head, .layer(1)])
            phases[0].length = .steps(6)
            return phases
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `with freeze and layer_decay, workers, kills and resuming do not change a bit`() async throws {
        let world = try TinyWorld()
        func run(_ output: String, _ workers: Int, killing: Int? = nil, resumes: Bool = false) async throws -> RunResult
        {
            try await TinyRun.run(
                world, FineTuning(), output, workers: workers, killing: killing, resumes: resumes
            ) {
                $0.freeze = try PartSelection("embeddings,0")
                ($0.layerDecay, $0.steps, $0.epochs) = (0.7, 6, nil)
            }
        }
        let first = try await run("w1", 1)
        for workers in [2, 3, 7] {
            #expect(try await run("w\(workers)", workers).weightsSHA256 == first.weightsSHA256, "\(workers) workers")
        }
        #expect(try await run("killed", 2, killing: 3).weightsSHA256 == first.weightsSHA256)
        for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        #expect(try await run("w2", 3, resumes: true).weightsSHA256 == first.weightsSHA256)
        let (all, trained) = (try #require(first.parameters), try #require(first.trainedParameters))
        #expect(trained < all / 2 && trained > 0)
        let result = try world.json("w1/result.json")
        #expect(result["parameters"] as? Int == all && result["trained_parameters"] as? Int == trained)
        let status = try world.json("w1/status.json")
        #expect(status["parameters"] as? Int == all && status["trained_parameters"] as? Int == trained)
    }

    private func tensors(_ path: String) throws -> [String: [UInt8]] {
        let file = try SafetensorsFile(path: path)
        return Dictionary(
            uniqueKeysWithValues: try file.tensors.keys.map { name in
                (name, try file.withBytes(of: name) { Array($0) })
            })
    }

    @Test(.timeLimit(.minutes(10)))
    func `workers, kills and resuming do not change a bit, and what is frozen keeps its bits`() async throws {
        let world = try TinyWorld()
        let first = try await TinyRun.run(world, UpperHalf(), "w1", workers: 1)
        #expect(first.steps == 6)
        for workers in [2, 3, 7] {
            let result = try await TinyRun.run(world, UpperHalf(), "w\(workers)", workers: workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
        }
        let killed = try await TinyRun.run(world, UpperHalf(), "killed", workers: 2, killing: 3)
        #expect(killed.weightsSHA256 == first.weightsSHA256)
        let before = try tensors(world.path("model/model.safetensors"))
        let after = try tensors(world.path("w1/model/model.safetensors"))
        for (name, bytes) in before where !name.hasPrefix("classifier") {
            let isTrained = name.contains("layer.1.") || name.contains("pooler")
            #expect((after[name] != bytes) == isTrained, "\(name)")
        }
        // Moments of what is trained, and of nothing else.
        let checkpoint = try #require(try CheckpointFolder.list(in: world.path("w1")).first)
        let moments = try checkpoint.openOptimizer().tensors.keys
        #expect(!moments.isEmpty)
        #expect(moments.allSatisfy { $0.contains("layer.1.") || $0.contains("pooler") || $0.contains("classifier") })

        for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        let resumed = try await TinyRun.run(world, UpperHalf(), "w2", workers: 3, resumes: true)
        #expect(resumed.weightsSHA256 == first.weightsSHA256)
    }
}
