import Foundation
import Synchronization
import Testing
import Training

@testable import Cluster

/// Runs whose classifier is computed from embeddings, with real computing.
@Suite(.serialized) struct ProbeRunTests {
    private static let descriptions =
        "label,description\nfish,cod and eel\nfish,tuna\nfruit,fig plum pear\nmetal,iron\n"

    /// Long texts, which are windows and have words that count; texts without labels.
    private static func write(_ world: TinyWorld) throws {
        let lines = try String(contentsOfFile: world.path("train.csv"), encoding: .utf8).split(separator: "\n")
        let long = lines.dropFirst().map { line in
            let comma = line.firstIndex(of: ",") ?? line.startIndex
            let text = line[line.index(after: comma)...].replacing("\"", with: "").replacing(",", with: "")
            return "\(line[..<comma]),\([String](repeating: String(text), count: 9).joined(separator: " "))\n"
        }
        try world.write("long.csv", "label,text\n" + long.joined())
        try world.write("labels.csv", descriptions)
        let texts = lines.dropFirst(20).map { "\($0.drop { $0 != "," }.dropFirst().replacing("\"", with: ""))\n" }
        try world.write("more.txt", texts.joined())
    }

    @Test(.timeLimit(.minutes(10)), arguments: [false, true])
    func `workers, kills and resuming do not change a bit`(hasMore: Bool) async throws {
        let world = try TinyWorld()
        try Self.write(world)
        func run(
            _ output: String, _ workers: Int, kills: Bool = false, killsAfter: Bool = false, resumes: Bool = false,
            change: (inout RunConfiguration) -> Void = { _ in }
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, Probe(), output, workers: workers, resumes: resumes, killsInCollection: kills,
                killsAfterCollection: killsAfter
            ) {
                $0.method = .probe
                if hasMore {
                    $0.train = world.path("long.csv")
                    ($0.labels, $0.unlabeled) = (world.path("labels.csv"), world.path("more.txt"))
                }
                change(&$0)
            }
        }
        let first = try await run("w1", 1)
        #expect(first.steps == 0 && first.weightsSHA256.count == 64)
        let accuracy = try #require(first.test?.metrics.values.first { $0.kind.key == "accuracy" }).value
        #expect(accuracy > 0.6, "the classes can be told apart even by random weights: \(accuracy)")
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
            let files = try ["w1", "w\(workers)"].map {
                try Data(contentsOf: URL(fileURLWithPath: world.path("\($0)/model/shoal_classifier.json")))
            }
            #expect(files[0] == files[1])
        }
        #expect(try await run("killed", 2, kills: true).weightsSHA256 == first.weightsSHA256)
        for round in 1...3 {
            #expect(try await run("solving\(round)", 3, killsAfter: true).weightsSHA256 == first.weightsSHA256)
        }
        for file in ["result.json", "model"] {
            try FileManager.default.removeItem(atPath: world.path("w2/\(file)"))
        }
        #expect(try await run("w2", 3, resumes: true).weightsSHA256 == first.weightsSHA256)
        // Other texts make another classifier.
        let other = try await run("other", 1) { ($0.seed, $0.shots) = (7, 5) }
        #expect(other.weightsSHA256 != first.weightsSHA256)

        func output(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        // What is evaluated afterwards is what the run has found.
        let evaluated = try output(["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv")])
        #expect(evaluated.contains(String(format: "%.4f", accuracy)), "\(evaluated)")
        let answer = try output(["predict", "--model", world.path("w1/model"), "--text", "we saw cod and eel and tuna"])
        #expect(answer.contains("\"label\": \"fish\""), "\(answer)")
        // Encoder and classifier go on together from there, with checkpoints.
        var tuned: [String] = []
        for workers in [1, 3] {
            let result = try await TinyRun.run(world, FineTuning(), "tuned\(workers)", workers: workers) {
                ($0.model, $0.steps, $0.epochs) = (world.path("w1/model"), 4, nil)
            }
            tuned.append(result.weightsSHA256)
            #expect(world.exists("tuned\(workers)/checkpoints/step-00000004/3_Dense/config.json"))
        }
        #expect(tuned[0] == tuned[1] && tuned[0] != first.weightsSHA256)
        let (code, process) = try ShoalProcess.run(
            [
                "train", "--model", world.path("w1/model"), "--train", world.path("train.csv"), "--lora", "rank=2",
                "--output", world.path("lora"),
            ], in: world.folder)
        #expect(code == 1 && process.failure?.contains("--lora does not go with a model whose") == true)
        #expect(!world.exists("lora"))
        // The file beside the weights belongs to the model.
        let companion = "killed/model/shoal_classifier.json"
        var text = try String(contentsOfFile: world.path(companion), encoding: .utf8)
        text = text.replacing("\"temperature\" :", with: "\"temperature\": ")
        for isRemoved in [false, true] {
            try isRemoved ? FileManager.default.removeItem(atPath: world.path(companion)) : world.write(companion, text)
            let (code, process) = try ShoalProcess.run(
                ["predict", "--model", world.path("killed/model"), "--text", "cod"], in: world.folder)
            #expect(code == 1 && process.failure?.contains("shoal_classifier.json") == true)
            #expect(process.failure?.contains(isRemoved ? "is missing" : "is not the file") == true)
        }
        let yaml = try String(contentsOfFile: world.path("w1/run.yaml"), encoding: .utf8)
        #expect(yaml.contains("method: probe"))
        let modules = try String(contentsOfFile: world.path("w1/model/modules.json"), encoding: .utf8)
        #expect(modules.contains("sentence_transformers.models.Dense"))
    }

    @Test(.timeLimit(.minutes(10))) func `embeddings of a former run change no bit, and damage is noticed`()
        async throws
    {
        let world = try TinyWorld()
        try Self.write(world)
        let cache = world.path("embeddings")
        func run(
            _ output: String, cache: String?, workers: Int = 2, change: (inout RunConfiguration) -> Void = { _ in }
        ) async throws -> (result: RunResult, found: String?) {
            let found = Mutex<String?>(nil)
            let result = try await TinyRun.run(
                world, Probe(), output, workers: workers, cache: cache,
                change: {
                    $0.method = .probe
                    ($0.labels, $0.unlabeled) = (world.path("labels.csv"), world.path("more.txt"))
                    change(&$0)
                },
                observe: { event in
                    if case .notice(let text) = event, text.hasSuffix("were cached") { found.withLock { $0 = text } }
                })
            return (result, found.withLock { $0 })
        }
        let plain = try await run("plain", cache: nil)
        #expect(plain.found == nil)
        // 52 training texts, 30 to test on, 4 descriptions, 33 texts without labels, 16 a batch.
        let first = try await run("first", cache: cache, workers: 3)
        #expect(first.found == "0 of 10 batches of embeddings were cached")
        let second = try await run("second", cache: cache)
        #expect(second.found == "10 of 10 batches of embeddings were cached")
        #expect(first.result.weightsSHA256 == plain.result.weightsSHA256)
        #expect(second.result.weightsSHA256 == plain.result.weightsSHA256)
        #expect(second.result.test?.metrics == plain.result.test?.metrics)
        let names = try FileManager.default.subpathsOfDirectory(atPath: cache).filter { $0.utf8.count > 60 }
        #expect(names.count == 10)
        for (number, name) in names.sorted().enumerated() where number < 3 {
            var data = try Data(contentsOf: URL(fileURLWithPath: "\(cache)/\(name)"))
            data[number == 0 ? data.count - 1 : 100 * number] ^= 1
            try data.write(to: URL(fileURLWithPath: "\(cache)/\(name)"))
        }
        let mended = try await run("mended", cache: cache)
        #expect(mended.found == "7 of 10 batches of embeddings were cached")
        #expect(mended.result.weightsSHA256 == plain.result.weightsSHA256)
        // Another draw has training texts of its own alone.
        let draw = try await run("draw", cache: cache) { $0.shots = 5 }
        #expect(draw.found == "6 of 7 batches of embeddings were cached")
        #expect(
            try await run("again", cache: cache) { $0.shots = 5 }.found == "7 of 7 batches of embeddings were cached")
        // Texts that are cut otherwise are others; some batches have none that is cut.
        let short = try await run("short", cache: cache) { ($0.maxLength, $0.windows) = (12, 1) }
        #expect(short.found?.hasSuffix("of 10 batches of embeddings were cached") == true)
        #expect(short.found?.hasPrefix("10 ") == false)
        #expect(try await run("off", cache: cache) { $0.embeddingCache = false }.found == nil)
    }

    @Test(.timeLimit(.minutes(10)), arguments: [false, true])
    func `descriptions alone make a classifier, by any number of workers`(hasMore: Bool) async throws {
        let world = try TinyWorld()
        try Self.write(world)
        func run(
            _ output: String, _ workers: Int, kills: Bool = false, resumes: Bool = false,
            change: (inout RunConfiguration) -> Void = { _ in }
        ) async throws -> RunResult {
            try await TinyRun.run(world, Probe(), output, workers: workers, resumes: resumes, killsInCollection: kills)
            {
                ($0.method, $0.shots, $0.labels) = (.probe, 0, world.path("labels.csv"))
                $0.labelDescriptions = ["metal=copper and tin"]
                if hasMore { $0.unlabeled = world.path("more.txt") }
                change(&$0)
            }
        }
        let first = try await run("w1", 1)
        #expect(first.steps == 0 && first.weightsSHA256.count == 64)
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
        // The texts of the training set take no part, its classes do: they may as well be those of the descriptions.
        let bare = try await run("bare", 1) { $0.train = world.path("labels.csv") }
        #expect(bare.weightsSHA256 == first.weightsSHA256)
        #expect(try await run("other", 1) { $0.labelDescriptions = nil }.weightsSHA256 != first.weightsSHA256)
        let names = try await run("names", 1) { ($0.labels, $0.labelDescriptions) = (nil, nil) }
        #expect(names.weightsSHA256 != first.weightsSHA256)
        let (code, process) = try ShoalProcess.run(
            ["predict", "--model", world.path("w1/model"), "--text", "cod and eel"], in: world.folder)
        #expect(code == 0 && process.output.contains("\"label\": \"fish\""), "\(process.output) \(process.errors)")
    }

    @Test func `descriptions need no training set, and may stand on the command line or in YAML`() throws {
        let world = try TinyWorld()
        try Self.write(world)
        func trained(_ arguments: [String]) throws -> String {
            let output = world.path("out")
            try? FileManager.default.removeItem(atPath: output)
            let (code, process) = try ShoalProcess.run(
                ["train", "--model", world.path("model"), "--output", output, "--shots", "0"] + arguments,
                in: world.folder)
            #expect(code == 0, "\(process.errors)")
            #expect((process.output + process.errors).contains("are not calibrated"))
            let result = try Data(contentsOf: URL(fileURLWithPath: output + "/result.json"))
            let object = try #require(try JSONSerialization.jsonObject(with: result) as? [String: Any])
            return try #require(object["weights_sha256"] as? String)
        }
        let inFile = try trained(["--labels", world.path("labels.csv")])
        let given = ["fish=cod and eel", "fish=tuna", "fruit=fig plum pear", "metal=iron"]
        let train = ["--train", world.path("train.csv")]
        #expect(try trained(train + given.flatMap { ["--label-description", $0] }) == inFile)
        let lines = given.map { "  - \"\($0)\"\n" }.joined()
        try world.write("options.yaml", "label_description:\n\(lines)")
        #expect(try trained(train + ["--config", world.path("options.yaml")]) == inFile)
    }

    @Test func `what does not fit is refused by name`() throws {
        let world = try TinyWorld()
        try Self.write(world)
        try world.write("unknown.csv", "label,description\nfish,cod\nbird,owl\n")
        let test = try String(contentsOfFile: world.path("test.csv"), encoding: .utf8)
        try world.write("leak.csv", test)
        func refused(_ more: [String], _ culprits: [String]) throws {
            let arguments = [
                "train", "--model", world.path("model"), "--train", world.path("train.csv"), "--test",
                world.path("test.csv"), "--output", world.path("out"), "--method", "probe",
            ]
            let (code, process) = try ShoalProcess.run(arguments + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        try refused(
            ["--labels", world.path("unknown.csv")], ["unknown.csv", "line 3", "\"bird\"", "fish, fruit, metal"])
        try refused(["--unlabeled", world.path("leak.csv")], ["leak.csv", "30 texts of", "test.csv"])
        try refused(["--epochs", "3"], ["--epochs", "takes no steps"])
        try refused(["--lora", "rank=2"], ["--lora", "takes no steps"])
        try refused(["--task", "masked-lm"], ["probe", "masked-lm"])
        try refused(["--label-description", "fish"], ["--label-description", "is fish", "LABEL=DESCRIPTION"])
        try refused(["--label-description", "bird=owl"], ["--label-description", "\"bird\"", "fish, fruit, metal"])
        try refused(["--label-description", "fish= "], ["--label-description", "a description behind the ="])
        try refused(["--shots", "-1"], ["--shots", "0 to"])
        try refused(["--shots", "0", "--method", "contrastive"], ["--shots", "at least 1", "contrastive"])
        try refused(["--shots", "0", "--drop-rare-classes"], ["--drop-rare-classes", "--shots 0"])
        try refused(["--class-shares", "equal"], ["--class-shares", "--unlabeled"])
        let more = ["--unlabeled", world.path("more.txt"), "--class-shares"]
        try refused(more + ["fish=0.5,fruit=0.2"], ["--class-shares", "\"metal\" has none"])
        try refused(more + ["fish=0.5,fruit=0.2,metal=0.1"], ["--class-shares", "sum to 0.8"])
        try refused(more + ["fish=0.5,bird=0.5"], ["--class-shares", "\"bird\""])
    }
}
