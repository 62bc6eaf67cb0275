import Checkpoint
import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Runs for every task whose targets are not one class alike, with real computing.
@Suite(.serialized) struct TaskRunTests {
    /// What is learnt.
    enum Kind: String, CaseIterable, Sendable {
        case multiLabel, regression, pairs, weightedFocal, embedding

        /// The task that config.json and run.yaml name.
        var task: (name: String, problem: String?) {
            switch self {
            case .multiLabel: ("multi-label", "multi_label_classification")
            case .regression, .pairs: ("regression", "regression")
            case .weightedFocal: ("classification", "single_label_classification")
            case .embedding: ("embedding", nil)
            }
        }
    }

    private static let things = [("fish", ["cod", "eel", "tuna"]), ("fruit", ["fig", "plum"]), ("metal", ["iron"])]

    /// `count` records, of which each has some of three things in its text.
    private static func lines(_ kind: Kind, count: Int, seed: UInt64) -> String {
        var random = PhiloxStream(seed: seed, purpose: .split)
        return (0..<count).map { _ in
            let present = things.filter { _ in random.next(below: 2) == 1 }
            let words = ["we", "saw"] + present.map { $0.1[random.next(below: $0.1.count)] } + ["and", "more"]
            let text = words.joined(separator: " ")
            switch kind {
            case .multiLabel:
                let names = present.map { "\"\($0.0)\"" }.joined(separator: ", ")
                return "{\"text\": \"\(text)\", \"labels\": [\(names)]}\n"
            case .regression:
                return "{\"text\": \"\(text)\", \"label\": [\(present.count).5, -\(words.count)]}\n"
            case .pairs:
                return "{\"sentence1\": \"\(text)\", \"sentence2\": \"a cod\", \"label\": \(present.count).25}\n"
            case .embedding:
                let other = present.reversed().map { $0.1[0] }.joined(separator: " ")
                return
                    "{\"sentence1\": \"\(text)\", \"sentence2\": \"a cod \(other)\", \"score\": \(present.count).5}\n"
            case .weightedFocal:
                return "{\"text\": \"\(text)\", \"label\": \"\(present.first?.0 ?? "none")\"}\n"
            }
        }.joined()
    }

    private static func change(_ run: inout RunConfiguration, _ world: TinyWorld, _ kind: Kind) {
        run.train = world.path("\(kind).jsonl")
        run.validation = world.path("\(kind)-dev.jsonl")
        run.test = run.validation
        (run.task, run.steps, run.epochs) = (kind.task.name, 6, nil)
        if kind == .weightedFocal { (run.classWeights, run.focalLoss, run.labelSmoothing) = ("balanced", 2, 0.1) }
    }

    /// What an adapter answers is what the model with it merged answers, for its task and with its threshold.
    @Test(.timeLimit(.minutes(10)), arguments: [Kind.multiLabel, .regression, .pairs, .embedding])
    func `an adapter knows its task`(kind: Kind) async throws {
        let world = try TinyWorld()
        try world.write("\(kind).jsonl", Self.lines(kind, count: 50, seed: 5))
        try world.write("\(kind)-dev.jsonl", Self.lines(kind, count: 20, seed: 6))
        // Embeddings or not: what else the encoder was trained for is not what the adapter is for.
        try world.writeModules()
        func run(_ output: String, _ workers: Int, resumes: Bool = false) async throws -> RunResult {
            try await TinyRun.run(world, FineTuning(), output, workers: workers, resumes: resumes) {
                Self.change(&$0, world, kind)
                $0.lora = try AdapterSelection("rank=2,alpha=4,targets=query,value,output,dropout=0.1")
            }
        }
        let first = try await run("run", 2)
        #expect(try await run("w3", 3).weightsSHA256 == first.weightsSHA256)
        for checkpoint in try CheckpointFolder.list(in: world.path("w3")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model", "adapter"] {
            try FileManager.default.removeItem(atPath: world.path("w3/\(file)"))
        }
        #expect(try await run("w3", 1, resumes: true).weightsSHA256 == first.weightsSHA256)
        let files = try ["run", "w3"].map {
            try weightsSHA256(safetensors: world.path("\($0)/adapter/adapter_model.safetensors"))
        }
        #expect(files[0] == files[1])
        func output(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        let merged = ["--model", world.path("run/model")]
        let beside = ["--model", world.path("model"), "--adapter", world.path("run/adapter")]
        let isPair = kind == .embedding || kind == .pairs
        let text = ["predict", "--text", "we saw cod and more"] + (isPair ? ["--text-pair", "a cod"] : [])
        let answer = try output(text + merged)
        let sign = [Kind.multiLabel: "\"labels\": [", .regression: "\"value_1\": ", .pairs: "\"value\": "][kind]
        #expect(answer.contains(sign ?? "\"cosine\": "), "\(answer)")
        #expect(try output(text + beside) == answer)
        _ = try output(["merge", "--output", world.path("merged")] + beside)
        #expect(try output(text + ["--model", world.path("merged")]) == answer)
        #expect(try weightsSHA256(safetensors: world.path("merged/model.safetensors")) == first.weightsSHA256)
        let data = ["evaluate", "--json", "--data", world.path("\(kind)-dev.jsonl")]
        func scores(_ arguments: [String]) throws -> String {
            // The rest is the time that it took.
            try output(data + arguments).split(separator: ",").filter { !$0.contains("second") }.joined(separator: ",")
        }
        #expect(try scores(beside) == scores(merged))
        let (one, two) = (try world.json("run/model/config.json"), try world.json("merged/config.json"))
        #expect(one["problem_type"] as? String == kind.task.problem)
        #expect(two["problem_type"] as? String == kind.task.problem)
        #expect(one["shoal_threshold"] as? Double == two["shoal_threshold"] as? Double)
        #expect(one["shoal_score_range"] as? [Double] == two["shoal_score_range"] as? [Double])
        #expect(one["architectures"] as? [String] == two["architectures"] as? [String])
        #expect(world.exists("merged/modules.json") == (kind == .embedding))
        let peft = try world.json("run/adapter/adapter_config.json")
        #expect(peft["task_type"] as? String == (kind == .embedding ? "FEATURE_EXTRACTION" : "SEQ_CLS"))
        let (code, more) = try ShoalProcess.run(
            [
                "train", "--train", world.path("\(kind).jsonl"), "--task", kind.task.name, "--steps", "1", "--output",
                world.path("more"),
            ] + beside, in: world.folder)
        let found = more.errors.contains("run/adapter and its head")
        #expect(
            code == 0 && found != (kind == .embedding) && !more.errors.contains("its head is for other"),
            "\(more.errors)")
    }

    @Test(.timeLimit(.minutes(10)), arguments: Kind.allCases)
    func `workers, kills and resuming do not change a bit`(kind: Kind) async throws {
        let world = try TinyWorld()
        try world.write("\(kind).jsonl", Self.lines(kind, count: 50, seed: 5))
        try world.write("\(kind)-dev.jsonl", Self.lines(kind, count: 20, seed: 6))
        if kind == .embedding { try world.writeModules() }
        func run(
            _ output: String, _ workers: Int, killing: Int? = nil, resumes: Bool = false,
            change: (inout RunConfiguration) -> Void = { _ in }
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, FineTuning(), output, workers: workers, killing: killing, resumes: resumes
            ) {
                Self.change(&$0, world, kind)
                change(&$0)
            }
        }
        let first = try await run("w1", 1)
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        let killed = try await run("killed", 2, killing: 3)
        #expect(killed.weightsSHA256 == first.weightsSHA256)
        #expect(try await run("recomputed", 2) { $0.recompute = true }.weightsSHA256 == first.weightsSHA256)
        if Precision.bf16.unsupportedReason == nil {
            let rounded = try await run("bf16", 1) { $0.precision = .bf16 }
            let other = try await run("bf16-3", 3) { ($0.precision, $0.recompute) = (.bf16, true) }
            #expect(other.weightsSHA256 == rounded.weightsSHA256 && other.test?.metrics == rounded.test?.metrics)
            #expect(rounded.weightsSHA256 != first.weightsSHA256)
        }
        for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        let resumed = try await run("w2", 3, resumes: true)
        #expect(resumed.weightsSHA256 == first.weightsSHA256 && resumed.test?.metrics == first.test?.metrics)

        let config = try world.json("w1/model/config.json")
        #expect(config["problem_type"] as? String == kind.task.problem)
        let suffix = kind == .embedding ? "Model" : "ForSequenceClassification"
        #expect(config["architectures"] as? [String] == ["Bert\(suffix)"])
        let yaml = try String(contentsOfFile: world.path("w1/run.yaml"), encoding: .utf8)
        #expect(yaml.contains("task: \(kind.task.name)"))
        try expectThreshold(world, kind, first)
    }

    /// A threshold is chosen on the validation set, kept in the folder, and used by the test, `evaluate` and `predict`.
    private func expectThreshold(_ world: TinyWorld, _ kind: Kind, _ result: RunResult) throws {
        let kept = try world.json("w1/model/config.json")["shoal_threshold"] as? Double
        guard kind == .multiLabel else {
            #expect(kept == nil)
            return
        }
        let threshold = try #require(kept)
        #expect(result.test?.metrics.threshold == threshold)
        #expect(try world.json("w2/model/config.json")["shoal_threshold"] as? Double == threshold)
        let validations = try world.jsonLines("w1/metrics.jsonl").filter { $0["evaluation"] as? String == "validation" }
        #expect(validations.last?["threshold"] as? Double == threshold)

        // Another threshold in the folder is what counts.
        let path = world.path("w1/model/config.json")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        func predict(_ threshold: String) throws -> ShoalProcess {
            let changed = text.replacing(#/"shoal_threshold":\s*[0-9.e-]+/#, with: "\"shoal_threshold\": \(threshold)")
            try world.write("w1/model/config.json", changed)
            let process = try ShoalProcess(
                ["predict", "--model", world.path("w1/model"), "--text", "we saw a cod"], in: world.folder)
            process.wait()
            return process
        }
        #expect(try predict("0.000001").output.contains(#""labels": ["fish", "fruit", "metal"]"#))
        #expect(try predict("0.999999").output.contains(#""labels": []"#))
        #expect(try predict("1.5").failure?.contains("shoal_threshold is 1.5") == true)
    }
}
