import Checkpoint
import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Runs that train a masked language model, with real computing.
@Suite(.serialized) struct PretrainingTests {
    private let world: TinyWorld

    init() throws {
        world = try TinyWorld()
        var random = PhiloxStream(seed: 5, purpose: .split)
        let words = ["cod", "eel", "fig", "plum", "iron", "zinc", "gold", "the", "a", "of", "with", "and", "we", "saw"]
        let lines = (0..<80).map { _ in
            (0..<(1 + random.next(below: 30))).map { _ in words[random.next(below: words.count)] }.joined(
                separator: " ")
        }
        try world.write("documents.txt", lines.joined(separator: "\n") + "\n")
    }

    private func run(
        _ output: String, _ workers: Int, killing: Int? = nil, resumes: Bool = false,
        change: (inout RunConfiguration) throws -> Void = { _ in }
    ) async throws -> RunResult {
        try await TinyRun.run(world, FineTuning(), output, workers: workers, killing: killing, resumes: resumes) {
            $0.train = world.path("documents.txt")
            ($0.task, $0.maxLength, $0.validationShare) = ("masked-lm", 16, 0.2)
            ($0.steps, $0.epochs, $0.choosesEpochs, $0.choosesRate) = (7, nil, false, false)
            try change(&$0)
        }
    }

    private func loss(_ output: String) throws -> [Double] {
        try world.jsonLines("\(output)/metrics.jsonl").filter { $0["evaluation"] == nil }
            .compactMap { $0["loss"] as? Double }
    }

    @Test(.timeLimit(.minutes(10)))
    func `workers, kills and resuming do not change a bit, and fine-tuning goes on from it`() async throws {
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
        #expect(try loss("w2") == loss("w1") && loss("w1").count == 7)
        let test = try #require(try world.json("w1/result.json")["test"] as? [String: Any])
        let perplexity = try #require(test["perplexity"] as? Double)
        #expect(abs(perplexity - exp(try #require(test["loss"] as? Double))) < 1e-9 * perplexity)
        #expect(test["token_accuracy"] != nil)

        let config = try world.json("w1/model/config.json")
        #expect(config["architectures"] as? [String] == ["BertForMaskedLM"] && config["id2label"] == nil)
        let names = try SafetensorsFile(path: world.path("w1/model/model.safetensors")).tensors.keys
        #expect(names.filter { $0.hasPrefix("cls.") }.count == 5 && !names.contains { $0.contains("pooler") })

        let evaluation = try ShoalProcess(
            [
                "evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv"), "--max-length", "16",
                "--json",
            ], in: world.folder)
        #expect(evaluation.wait() == 0, "\(evaluation.errors)")
        let found = try JSONSerialization.jsonObject(with: Data(evaluation.output.utf8)) as? [String: Any]
        #expect(abs((found?["perplexity"] as? Double ?? 0) - perplexity) < 1e-4 * perplexity)

        let tuned = try await TinyRun.run(world, FineTuning(), "tuned", workers: 2) {
            $0.model = world.path("w1/model")
            ($0.steps, $0.epochs) = (6, nil)
        }
        #expect(tuned.test?.metrics.primary.kind.key == "accuracy")
    }

    @Test(.timeLimit(.minutes(10)))
    func `a model is drawn from its sizes alone, and learns`() async throws {
        try world.writeModel("sizes")
        try FileManager.default.removeItem(atPath: world.path("sizes/model.safetensors"))
        func scratch(_ output: String, _ workers: Int, seed: UInt64 = 42) async throws -> RunResult {
            try await run(output, workers) {
                ($0.model, $0.fromScratch, $0.seed) = (world.path("sizes"), true, seed)
                ($0.steps, $0.batchSize) = (30, 20)
                $0.precision = Precision.bf16.unsupportedReason == nil ? .bf16 : .float32
                $0.recompute = true
            }
        }
        let first = try await scratch("s1", 1)
        #expect(try await scratch("s3", 3).weightsSHA256 == first.weightsSHA256)
        #expect(try await scratch("other", 1, seed: 43).weightsSHA256 != first.weightsSHA256)
        let losses = try loss("s1")
        // Of 31 tokens, and then of the 14 that there are.
        #expect(abs(losses[0] - log(31)) < 0.3 && losses[29] < 2.9)
    }

    @Test(.timeLimit(.minutes(10)))
    func `an adapter learns beside the head of the model, and is read by every command`() async throws {
        _ = try await run("w1", 2)
        func adapted(_ output: String, _ workers: Int, resumes: Bool = false) async throws -> RunResult {
            try await run(output, workers, resumes: resumes) {
                $0.model = world.path("w1/model")
                $0.lora = try AdapterSelection("rank=2,alpha=4,targets=all-linear,dropout=0.1")
            }
        }
        let first = try await adapted("a1", 1)
        #expect(try await adapted("a3", 3).weightsSHA256 == first.weightsSHA256)
        for checkpoint in try CheckpointFolder.list(in: world.path("a3")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model", "adapter"] {
            try FileManager.default.removeItem(atPath: world.path("a3/\(file)"))
        }
        #expect(try await adapted("a3", 2, resumes: true).weightsSHA256 == first.weightsSHA256)
        let tensors = try SafetensorsFile(path: world.path("a1/adapter/adapter_model.safetensors")).tensors.keys
        #expect(tensors.count == 24 && tensors.allSatisfy { $0.contains(".lora_") })

        func output(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        let beside = ["--model", world.path("w1/model"), "--adapter", world.path("a1/adapter")]
        _ = try output(["merge", "--output", world.path("merged")] + beside)
        #expect(try weightsSHA256(safetensors: world.path("merged/model.safetensors")) == first.weightsSHA256)
        let config = try world.json("merged/config.json")
        #expect(config["architectures"] as? [String] == ["BertForMaskedLM"])
        let data = ["evaluate", "--data", world.path("test.csv"), "--max-length", "16", "--json"]
        func perplexity(_ arguments: [String]) throws -> Double? {
            let text = try output(data + arguments)
            return (try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])?["perplexity"] as? Double
        }
        let merged = try #require(try perplexity(["--model", world.path("a1/model")]))
        #expect(try perplexity(beside) == merged)
        let plain = try #require(try perplexity(["--model", world.path("w1/model")]))
        #expect(plain != merged)
        let text = ["predict", "--text", "we saw [MASK] and eel"]
        #expect(try output(text + beside) == output(text + ["--model", world.path("a1/model")]))

        // A classifier from both, as a whole or by training the adapter on.
        for (name, model) in [("whole", ["--model", world.path("merged")]), ("more", beside)] {
            let train = ["train", "--train", world.path("train.csv"), "--steps", "2", "--output", world.path(name)]
            let (code, process) = try ShoalProcess.run(train + model, in: world.folder)
            let goesOn = process.errors.contains("training goes on from the adapter")
            #expect(code == 0 && goesOn == (name == "more"), "\(process.errors)")
            #expect(!process.errors.contains("not used"))
        }
        #expect(!world.exists("whole/adapter") && world.exists("more/adapter"))
        let refused = try ShoalProcess.run(
            [
                "pretrain", "--model", world.path("model"), "--train", world.path("documents.txt"), "--output",
                world.path("refused"), "--lora", "rank=2",
            ], in: world.folder
        )
        #expect(
            refused.1.errors.contains("has no head of a masked language model, and beside an adapter none is trained"),
            "\(refused.1.errors)")
        #expect(refused.0 != 0 && !world.exists("refused"))
    }

    @Test func `what does not go together is refused`() throws {
        func expect(_ message: String, _ arguments: [String]) throws {
            let given = arguments.contains("--train") ? [] : ["--train", world.path("documents.txt")]
            let process = try ShoalProcess(
                ["pretrain", "--output", world.path("refused")] + given + arguments, in: world.folder)
            #expect(process.wait() != 0 && process.errors.contains(message), "\(process.errors)")
            #expect(!world.exists("refused"))
        }
        let model = ["--model", world.path("model")]
        try expect("validation-share", model + ["--validation-share", "0.2", "--validation", world.path("test.csv")])
        try expect("above 0 and below 1", model + ["--mask-probability", "1"])
        try world.write("empty.txt", "\n \n")
        try expect("there is no text", model + ["--train", world.path("empty.txt")])
        try world.writeModel("untied")
        let config = world.path("untied/config.json")
        let text = try String(contentsOfFile: config, encoding: .utf8)
        try world.write(
            "untied/config.json",
            text.replacing("\"model_type\"", with: "\"tie_word_embeddings\": false, \"model_type\""))
        try expect("tie_word_embeddings is false", ["--model", world.path("untied")])
        let classifier = try ShoalProcess(
            world.train("refused", ["--mask-probability", "0.3"]), in: world.folder)
        #expect(classifier.wait() != 0 && classifier.errors.contains("mask-probability"), "\(classifier.errors)")
    }
}
