import Checkpoint
import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Runs with `--lora`, with real computing.
@Suite(.serialized) struct AdapterRunTests {
    private func run(
        _ world: TinyWorld, _ output: String, workers: Int, killing: Int? = nil, resumes: Bool = false,
        change: (inout RunConfiguration) throws -> Void = { _ in }
    ) async throws -> RunResult {
        try await TinyRun.run(world, FineTuning(), output, workers: workers, killing: killing, resumes: resumes) {
            $0.lora = try AdapterSelection("rank=4,alpha=8,targets=query,value,output,dropout=0.1")
            ($0.steps, $0.epochs, $0.layerDecay) = (6, nil, 0.9)
            try change(&$0)
        }
    }

    private func hash(_ world: TinyWorld, _ path: String) throws -> String {
        try weightsSHA256(safetensors: world.path(path))
    }

    private func shoal(_ world: TinyWorld, _ arguments: [String]) throws -> (
        status: Int32?, output: String, error: String
    ) {
        let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
        return (code, process.output, process.errors)
    }

    @Test(.timeLimit(.minutes(10)))
    func `workers, kills and resuming do not change a bit, and both folders are left`() async throws {
        let world = try TinyWorld()
        let first = try await run(world, "w1", workers: 1)
        let adapter = try hash(world, "w1/adapter/adapter_model.safetensors")
        for workers in [2, 3, 7] {
            let result = try await run(world, "w\(workers)", workers: workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(try hash(world, "w\(workers)/adapter/adapter_model.safetensors") == adapter)
        }
        #expect(try await run(world, "killed", workers: 2, killing: 3).weightsSHA256 == first.weightsSHA256)
        for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model", "adapter"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        #expect(try await run(world, "w2", workers: 3, resumes: true).weightsSHA256 == first.weightsSHA256)
        #expect(try hash(world, "w2/adapter/adapter_model.safetensors") == adapter)

        // What learns is the adapter and the head, and nothing else has moments.
        let checkpoint = try #require(try CheckpointFolder.list(in: world.path("w1")).first)
        let moments = try checkpoint.openOptimizer().tensors.keys
        #expect(moments.contains { $0.contains("lora_A") })
        #expect(moments.allSatisfy { $0.contains("lora_") || $0.contains("pooler") || $0.contains("classifier") })
        #expect(first.trainedParameters ?? .max < (first.parameters ?? 0) / 4)
        let before = try SafetensorsFile(path: world.path("model/model.safetensors"))
        let after = try SafetensorsFile(path: world.path("w1/model/model.safetensors"))
        #expect(
            after.tensors.count == before.tensors.count + 2 && after.tensors.keys.allSatisfy { !$0.contains("lora") })
        for name in before.tensors.keys {
            let isTrained = ["query.weight", "value.weight", ".output.dense.weight", "pooler"].contains {
                name.contains($0) && !name.contains("attention.output")
            }
            let (old, new) = (try before.withBytes(of: name) { Array($0) }, try after.withBytes(of: name) { Array($0) })
            #expect((old != new) == isTrained, "\(name)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `model and adapter give what the merged model gives, and training goes on from them`() async throws {
        let world = try TinyWorld()
        let first = try await run(world, "a", workers: 2) {
            ($0.steps, $0.lora) = (4, try AdapterSelection("rank=2,alpha=4"))
        }
        let base = ["--model", world.path("model"), "--adapter", world.path("a/adapter")]
        func predict(_ arguments: [String]) throws -> String {
            let result = try shoal(world, ["predict", "--text", "cod and eel"] + arguments)
            #expect(result.status == 0, "\(result.error)")
            return result.output
        }
        let merged = try predict(["--model", world.path("a/model")])
        #expect(try predict(base) == merged)
        // The checkpoint of the last step has the adapter beside the model.
        let checkpoint = try #require(try CheckpointFolder.list(in: world.path("a")).first { $0.step == 4 })
        let direct = try predict(["--model", checkpoint.path])
        #expect(direct.prefix(20) == merged.prefix(20))
        let evaluation = try shoal(world, ["evaluate", "--data", world.path("test.csv")] + base)
        #expect(evaluation.status == 0 && evaluation.output.contains("accuracy"), "\(evaluation.error)")
        let done = try shoal(world, ["merge", "--output", world.path("merged")] + base)
        #expect(done.status == 0, "\(done.error)")
        #expect(try hash(world, "merged/model.safetensors") == first.weightsSHA256)

        let more = try await run(world, "b", workers: 1) {
            ($0.lora, $0.adapter, $0.steps) = (nil, world.path("a/adapter"), 3)
        }
        #expect(more.weightsSHA256 != first.weightsSHA256)
        let tensors = try SafetensorsFile(path: world.path("b/adapter/adapter_model.safetensors")).tensors
        #expect(tensors.keys.count { $0.contains("lora_") } == 8)

        // An adapter of another model, and a checkpoint as a model to begin with.
        try world.writeModel("wide") { $0.encoder.hidden = 64 }
        let wrong = try shoal(
            world,
            ["merge", "--model", world.path("wide"), "--adapter", world.path("a/adapter"), "--output", world.path("x")])
        #expect(wrong.status == 1 && wrong.error.contains("the adapter is for another model"), "\(wrong.error)")
        let unmerged = try shoal(
            world,
            [
                "train", "--model", checkpoint.path, "--train", world.path("train.csv"), "--output", world.path("y"),
                "--steps", "1",
            ])
        #expect(unmerged.status == 1 && unmerged.error.contains("whose adapter is not merged"), "\(unmerged.error)")
        // Whatever would leave out the checkpoint's own adapter.
        let adapter = ["--model", checkpoint.path, "--adapter", world.path("a/adapter")]
        for arguments in [
            ["embed", "--model", checkpoint.path, "--input", world.path("test.csv")],
            ["predict", "--text", "cod"] + adapter,
            ["merge", "--output", world.path("z")] + adapter,
        ] {
            let refused = try shoal(world, arguments)
            #expect(refused.status == 1 && refused.error.contains("whose adapter is not merged"), "\(refused.error)")
        }
        #expect(!world.exists("z"))
    }
}
