import Checkpoint
import Foundation
import Modeling
import Numerics
import Testing
import Training

@testable import Cluster

/// Runs that give words tags, with real computing.
@Suite(.serialized) struct TokenRunTests {
    enum Kind: String, CaseIterable, Sendable {
        case names, roles

        var file: String { self == .names ? "conll" : "jsonl" }
    }

    private let world: TinyWorld
    private static let things = [
        "fish": ["cod", "eel", "tuna", "pike"], "fruit": ["fig", "plum", "pear", "kiwi"],
    ]
    private static let fillers = ["the", "a", "of", "some", "more", "with", "and", "we", "saw", "much"]

    init() throws {
        world = try TinyWorld()
        for kind in Kind.allCases {
            for (name, count, seed) in [("train", 60, 5), ("dev", 25, 6)] {
                try world.write("\(name).\(kind.file)", Self.lines(kind, count: count, seed: UInt64(seed)))
            }
        }
    }

    /// Sentences, some of them longer than a window, with things of one word or two.
    private static func lines(_ kind: Kind, count: Int, seed: UInt64) -> String {
        var random = PhiloxStream(seed: seed, purpose: .split)
        return (0..<count).map { number in
            var (words, tags): ([String], [String]) = ([], [])
            for _ in 0..<(2 + random.next(below: number % 5 == 0 ? 16 : 5)) {
                if random.next(below: 2) == 0 {
                    words.append(fillers[random.next(below: fillers.count)])
                    tags.append("O")
                    continue
                }
                let type = ["fish", "fruit"][random.next(below: 2)]
                for place in 0...random.next(below: 2) {
                    words.append(things[type, default: []][random.next(below: 4)])
                    tags.append((place == 0 ? "B-" : "I-") + type)
                }
                words.append("and")
                tags.append("O")
            }
            if kind == .names { return zip(words, tags).map { "\($0) \($1)\n" }.joined() + "\n" }
            func list(_ texts: [String]) -> String { texts.map { "\"\($0)\"" }.joined(separator: ", ") }
            let predicate = random.next(below: words.count)
            return "{\"tokens\": [\(list(words))], \"tags\": [\(list(tags))], \"predicate\": \(predicate)}\n"
        }.joined()
    }

    private func run(
        _ kind: Kind, _ output: String, _ workers: Int, killing: Int? = nil, resumes: Bool = false,
        change: (inout RunConfiguration) throws -> Void = { _ in }
    ) async throws -> RunResult {
        try await TinyRun.run(world, FineTuning(), output, workers: workers, killing: killing, resumes: resumes) {
            $0.train = world.path("train.\(kind.file)")
            ($0.validation, $0.test) = (world.path("dev.\(kind.file)"), world.path("dev.\(kind.file)"))
            ($0.maxLength, $0.steps, $0.epochs) = (16, 7, nil)
            if kind == .roles {
                ($0.classWeights, $0.focalLoss, $0.labelSmoothing, $0.rDrop) = ("balanced", 1, 0.1, 1)
            }
            try change(&$0)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Kind.allCases)
    func `workers, kills and resuming do not change a bit`(kind: Kind) async throws {
        let first = try await run(kind, "w1", 1)
        for workers in [2, 3, 7] {
            let result = try await run(kind, "w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        #expect(try await run(kind, "killed", 2, killing: 3).weightsSHA256 == first.weightsSHA256)
        let again = try await run(kind, "recomputed", 2) { $0.recompute = true }
        #expect(again.weightsSHA256 == first.weightsSHA256)
        if Precision.bf16.unsupportedReason == nil {
            let rounded = try await run(kind, "bf16", 1) { $0.precision = .bf16 }
            let other = try await run(kind, "bf16-3", 3) { ($0.precision, $0.recompute) = (.bf16, true) }
            #expect(other.weightsSHA256 == rounded.weightsSHA256 && other.test?.metrics == rounded.test?.metrics)
            #expect(rounded.weightsSHA256 != first.weightsSHA256)
        }
        for checkpoint in try CheckpointFolder.list(in: world.path("w2")) where checkpoint.step > 2 {
            try FileManager.default.removeItem(atPath: checkpoint.path)
        }
        for file in ["result.json", "model"] { try FileManager.default.removeItem(atPath: world.path("w2/\(file)")) }
        let resumed = try await run(kind, "w2", 3, resumes: true)
        #expect(resumed.weightsSHA256 == first.weightsSHA256 && resumed.test?.metrics == first.test?.metrics)

        let config = try world.json("w1/model/config.json")
        #expect(config["architectures"] as? [String] == ["BertForTokenClassification"] && config["problem_type"] == nil)
        let names = config["id2label"] as? [String: String]
        #expect(names == ["0": "O", "1": "B-fish", "2": "I-fish", "3": "B-fruit", "4": "I-fruit"])
        let tensors = try SafetensorsFile(path: world.path("w1/model/model.safetensors")).tensors
        #expect(tensors["classifier.weight"]?.shape == [5, 32] && tensors["classifier.bias"] != nil)
        #expect(!tensors.keys.contains { $0.contains("pooler") })
        try expectSameTest(kind)
    }

    /// `evaluate` finds what the run has found, sentences of several windows included.
    private func expectSameTest(_ kind: Kind) throws {
        let (code, process) = try ShoalProcess.run(
            [
                "evaluate", "--model", world.path("w1/model"), "--data", world.path("dev.\(kind.file)"), "--max-length",
                "16", "--json",
            ], in: world.folder)
        #expect(code == 0, "\(process.errors)")
        let found = try JSONSerialization.jsonObject(with: Data(process.output.utf8)) as? [String: Any]
        let test = try #require(try world.json("w1/result.json")["test"] as? [String: Any])
        #expect(found?["examples"] as? Int == 25)
        for key in ["f1", "precision", "recall", "strict_f1", "token_accuracy", "macro_f1", "loss"] {
            let (one, other) = (found?[key] as? Double ?? -1, test[key] as? Double ?? -2)
            #expect(abs(one - other) < 1e-5, "\(key) \(one) \(other)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `names are learnt in bf16 with recomputing, and predicted`() async throws {
        func learn(_ output: String, _ workers: Int) async throws -> RunResult {
            try await run(.names, output, workers) {
                $0.precision = Precision.bf16.unsupportedReason == nil ? .bf16 : .float32
                ($0.recompute, $0.steps, $0.dropout) = (true, 200, 0)
            }
        }
        let first = try await learn("b1", 1)
        #expect(try await learn("b3", 3).weightsSHA256 == first.weightsSHA256)
        #expect((first.test?.metrics.primary.value ?? 0) > 0.7, "\(String(describing: first.test?.metrics.values))")
        func predict(_ input: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(
                ["predict", "--model", world.path("b1/model")] + input, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        let text = try predict(["--text", "we saw tuna and pear"])
        #expect(text.contains(#""start": 7, "end": 11, "label": "fish", "text": "tuna""#), "\(text)")
        try world.write("words.conll", "we\nsaw\ntuna\nand\npear\n\n")
        #expect(try predict([world.path("words.conll")]) == text)
    }

    @Test(.timeLimit(.minutes(5)))
    func `tags that only an evaluation has are missed, and predicates are words`() async throws {
        let known = #"{"tokens": ["we", "saw", "cod"], "tags": ["O", "O", "B-fish"], "predicate": 1}"#
        let unknown = #"{"tokens": ["a", "gold", "fig"], "tags": ["O", "B-metal", "B-fruit"], "predicate": 0}"#
        try world.write("rest.jsonl", known + "\n" + unknown + "\n")
        let options = ["train", "--model", world.path("model"), "--train", world.path("train.jsonl"), "--steps", "2"]
        let rest = ["--test", world.path("rest.jsonl"), "--output", world.path("run"), "--workers", "2"]
        func shoal(_ arguments: [String], code wanted: Int32 = 0) throws -> ShoalProcess {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == wanted, "\(process.errors)")
            return process
        }
        let trained = try shoal(options + rest)
        let warning = "a tag that training did not see, so that its spans count as missed: B-metal 1"
        #expect((trained.output + trained.errors).contains(warning), "\(trained.errors)")
        #expect(trained.output.contains("--text-pair sent"))
        let evaluate = ["evaluate", "--model", world.path("run/model"), "--data", world.path("rest.jsonl"), "--json"]
        let all = try shoal(evaluate)
        #expect(all.errors.contains(warning))
        func values(_ process: ShoalProcess) throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: Data(process.output.utf8)) as? [String: Any] ?? [:]
        }
        let (found, test) = (try values(all), try world.json("run/result.json")["test"] as? [String: Any] ?? [:])
        for key in ["f1", "recall", "token_accuracy", "loss"] {
            let (one, other) = (found[key] as? Double ?? -1, test[key] as? Double ?? -2)
            #expect(abs(one - other) < 1e-5, "\(key) \(one) \(other)")
        }
        let left = try shoal(evaluate + ["--skip-unknown-labels"])
        #expect(left.errors.contains("--skip-unknown-labels: without 1 of 2 examples"), "\(left.errors)")
        #expect(try values(left)["examples"] as? Int == 1)

        let predict = ["predict", "--model", world.path("run/model"), "--text", "we saw cod", "--text-pair"]
        #expect(try shoal(predict + ["saw"]).output.contains(#""predicate": "saw""#))
        let refused = try shoal(predict + ["see"], code: 1)
        #expect(refused.errors.contains("the predicate \"see\" is no word of the text"), "\(refused.errors)")
    }

    /// What an adapter answers is what the model with it merged answers.
    @Test(.timeLimit(.minutes(5)), arguments: Kind.allCases)
    func `an adapter knows its tags`(kind: Kind) async throws {
        func adapted(_ output: String, _ workers: Int) async throws -> RunResult {
            try await run(kind, output, workers) {
                $0.lora = try AdapterSelection("rank=2,alpha=4,dropout=0.1")
                ($0.steps, $0.learningRate, $0.checkpointEvery) = (40, 2e-2, 20)
            }
        }
        let first = try await adapted("a2", 2)
        #expect(try await adapted("a3", 3).weightsSHA256 == first.weightsSHA256)
        func output(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        let merged = ["--model", world.path("a2/model")]
        let beside = ["--model", world.path("model"), "--adapter", world.path("a2/adapter")]
        let dev = world.path("dev.\(kind.file)")
        let answer = try output(["predict", dev] + merged)
        #expect(answer.contains("\"label\": \"f"), "\(answer)")
        #expect(try output(["predict", dev] + beside) == answer)
        let scores = try output(["evaluate", "--data", dev] + beside)
        #expect(scores.contains("fruit") && scores.contains("strict"), "\(scores)")
        _ = try output(["merge", "--output", world.path("merged")] + beside)
        #expect(try weightsSHA256(safetensors: world.path("merged/model.safetensors")) == first.weightsSHA256)
        let config = try world.json("merged/config.json")
        #expect(config["architectures"] as? [String] == ["BertForTokenClassification"])
        let peft = try world.json("a2/adapter/adapter_config.json")
        #expect(peft["task_type"] as? String == "TOKEN_CLS" && peft["modules_to_save"] as? [String] == ["classifier"])
        let (code, more) = try ShoalProcess.run(
            ["train", "--train", world.path("train.\(kind.file)"), "--steps", "1", "--output", world.path("more")]
                + beside, in: world.folder)
        #expect(code == 0 && more.errors.contains("a2/adapter and its head"), "\(more.errors)")
    }

    @Test func `bad tags and options are refused by name`() throws {
        func expect(_ message: String, _ arguments: [String]) throws {
            let (code, process) = try ShoalProcess.run(
                ["train", "--model", world.path("model"), "--output", world.path("refused")] + arguments,
                in: world.folder)
            #expect(code != 0 && process.errors.contains(message), "\(process.errors)")
            #expect(!world.exists("refused"))
        }
        try world.write("bad.conll", "a B-x\nb O\nc I-x\n")
        try expect("bad.conll, line 3: the tag \"I-x\" breaks the scheme BIO", ["--train", world.path("bad.conll")])
        try world.write("spans.jsonl", #"{"text": "a b", "spans": [[0, 9, "x"]]}"#)
        try expect("spans.jsonl, line 1: span 1, from 0 to 9, lies outside", ["--train", world.path("spans.jsonl")])
        let names = ["--train", world.path("train.conll")]
        try expect("--shots does not go with --task token-classification", names + ["--shots", "2"])
        try expect("--drop-rare-classes does not go with --task token-", names + ["--drop-rare-classes"])
        try expect("--label-separator does not go with", names + ["--label-separator", "|"])
        try expect(
            "--repair-tags does not go with --task classification",
            ["--train", world.path("train.csv"), "--repair-tags"])
        try expect("is none that training saw", names + ["--validation", world.path("bad.conll"), "--repair-tags"])
        try world.write("plain.conll", "a O\nb O\n")
        try expect("all words have the same tag", ["--train", world.path("plain.conll")])
    }
}
