import Foundation
import Numerics
import Synchronization
import Testing
import Training

@testable import Cluster

/// Runs whose sets of labels, or numbers, are computed from embeddings, with real computing.
@Suite(.serialized) struct ValueProbeRunTests {
    enum Kind: String, CaseIterable {
        case labels, numbers

        var task: String { self == .labels ? "multi-label" : "regression" }
        var metric: String { self == .labels ? "micro_f1" : "spearman" }
    }

    private static let things = [("fish", ["cod", "eel", "tuna"]), ("fruit", ["fig", "plum"]), ("metal", ["iron"])]

    /// `count` records, of which each has some of three things in its text.
    private static func lines(_ kind: Kind, count: Int, seed: UInt64) -> String {
        var random = PhiloxStream(seed: seed, purpose: .split)
        return (0..<count).map { _ in
            let present = things.filter { _ in random.next(below: 2) == 1 }
            let words = ["we", "saw"] + present.map { $0.1[random.next(below: $0.1.count)] } + ["and", "more"]
            let names = present.map { "\"\($0.0)\"" }.joined(separator: ", ")
            let value = kind == .labels ? "\"labels\": [\(names)]" : "\"label\": \(10 * present.count)"
            return "{\"text\": \"\(words.joined(separator: " "))\", \(value)}\n"
        }.joined()
    }

    private static func prepare(_ world: TinyWorld, _ kind: Kind) throws {
        try world.write("train.jsonl", lines(kind, count: 48, seed: 5))
        try world.write("test.jsonl", lines(kind, count: 40, seed: 6))
    }

    @Test(.timeLimit(.minutes(10)), arguments: Kind.allCases)
    func `workers, kills and resuming do not change a bit`(kind: Kind) async throws {
        let world = try TinyWorld()
        try Self.prepare(world, kind)
        let notices = Mutex<[String]>([])
        func run(
            _ output: String, _ workers: Int, kills: Bool = false, resumes: Bool = false
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, Probe(), output, workers: workers, resumes: resumes, killsInCollection: kills
            ) {
                ($0.method, $0.task) = (.probe, kind.task)
                ($0.train, $0.test) = (world.path("train.jsonl"), world.path("test.jsonl"))
            } observe: { event in
                if case .notice(let text) = event { notices.withLock { $0.append(text) } }
            }
        }
        func value(_ result: RunResult) throws -> Double {
            try #require(result.test?.metrics.values.first { $0.kind.key == kind.metric }).value
        }
        let first = try await run("w1", 1)
        #expect(first.steps == 0)
        let reached = try value(first)
        #expect(reached > 0.7, "a sum of words can be seen even by random weights: \(reached)")
        #expect(notices.withLock { $0.contains { $0.contains("5-fold cross-validation of the 48 labelled texts") } })
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        #expect(try await run("killed", 2, kills: true).weightsSHA256 == first.weightsSHA256)
        for file in ["result.json", "model"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        #expect(try await run("w2", 3, resumes: true).weightsSHA256 == first.weightsSHA256)
        func output(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        // What is evaluated afterwards, with the threshold of the model, is what the run has found.
        let evaluated = try output(["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.jsonl")])
        #expect(evaluated.contains(String(format: "%.4f", reached)), "\(evaluated)")
        let answer = try output([
            "predict", "--model", world.path("w1/model"), "--text", "we saw cod and iron and more",
        ])
        #expect(answer.contains(kind == .labels ? "\"labels\": [" : "\"value\": "), "\(answer)")
        let config = try world.json("w1/model/config.json")
        #expect(config["problem_type"] as? String == (kind == .labels ? "multi_label_classification" : "regression"))
        #expect((config["shoal_threshold"] != nil) == (kind == .labels))
        // Encoder and layer go on together from there.
        var tuned: [String] = []
        for workers in [1, 3] {
            let result = try await TinyRun.run(world, FineTuning(), "tuned\(workers)", workers: workers) {
                ($0.model, $0.steps, $0.epochs) = (world.path("w1/model"), 3, nil)
                ($0.train, $0.test) = (world.path("train.jsonl"), world.path("test.jsonl"))
            }
            tuned.append(result.weightsSHA256)
        }
        #expect(tuned[0] == tuned[1] && tuned[0] != first.weightsSHA256)
    }

    @Test(.timeLimit(.minutes(5))) func `a small set of texts with several labels becomes a probe`() throws {
        let world = try TinyWorld()
        try Self.prepare(world, .labels)
        let arguments = ["train", "--model", world.path("model"), "--train", world.path("train.jsonl"), "--output"]
        let (code, process) = try ShoalProcess.run(arguments + [world.path("run")], in: world.folder)
        #expect(code == 0 && process.errors.contains("method: probe, since there are 48 labelled texts of 3 labels"))
        func refused(_ more: [String], _ culprits: [String]) throws {
            let (code, process) = try ShoalProcess.run(arguments + [world.path("out")] + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        try refused(["--budget", "10m"], ["--budget", "one class each"])
        try world.write("labels.csv", "label,description\nfish,cod and eel\n")
        try refused(["--labels", world.path("labels.csv")], ["--labels", "multi-label"])
        try refused(["--method", "contrastive"], ["contrastive", "multi-label"])
        try refused(["--method", "distill"], ["distill", "multi-label"])
        let suggest = [
            "suggest", "--model", world.path("run/model"), "--unlabeled", world.path("test.jsonl"), "--count", "3",
            "--output", world.path("next.csv"),
        ]
        let (end, suggestion) = try ShoalProcess.run(suggest, in: world.folder)
        #expect(end != 0 && suggestion.failure?.contains("one class") == true, "\(suggestion.errors)")
    }
}
