import Foundation
import Testing

/// What a user may get wrong: one line that names the culprit, an exit code, and nothing written.
@Suite(.serialized) struct BadInputTests {
    /// Runs a training that must be refused.
    private func refused(
        _ world: TinyWorld, _ arguments: [String], naming culprits: [String], _ comment: Comment? = nil
    ) throws {
        let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
        #expect(code != 0 && code != nil, comment)
        let failure = process.failure ?? "no error line: \(process.errors)"
        for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
        #expect(process.errors.split(separator: "\n").count == 1, "\(process.errors)")
        #expect(!world.exists("out"), comment)
    }

    private func train(_ world: TinyWorld, file: String, test: String = "test.csv", _ more: [String] = []) -> [String] {
        [
            "train", "--model", world.path("model"), "--train", world.path(file), "--test", world.path(test),
            "--output",
            world.path("out"), "--epochs", "1",
        ] + more
    }

    @Test func `data files`() throws {
        let world = try TinyWorld()
        let good = try String(contentsOfFile: world.path("train.csv"), encoding: .utf8)
        try refused(world, train(world, file: "none.csv"), naming: ["none.csv"])
        try refused(world, train(world, file: "model"), naming: ["model"], "a folder")
        let cases: [(String, [UInt8], [String])] = [
            ("empty.csv", [], ["empty.csv", "empty"]),
            ("header.csv", Array("label,text\n".utf8), ["header.csv"]),
            ("columns.csv", Array("a,b\n1,2\n".utf8), ["columns.csv", "\"a\""]),
            ("one.csv", Array("label,text\nfish,cod\nfish,eel\n".utf8), ["one.csv", "fish"]),
            ("fields.csv", Array((good + "fish,a,b\n").utf8), ["fields.csv", "line 54"]),
            ("quote.csv", Array((good + "fish,\"never closed\n").utf8), ["quote.csv", "line 54"]),
            (
                "utf8.csv", Array(good.utf8) + Array("fish,c".utf8) + [0xC3, 0x28, 10],
                ["utf8.csv", "line 54", "UTF-8"]
            ),
            ("nul.csv", Array(good.utf8) + Array("fish,c".utf8) + [0, 10], ["nul.csv", "line 54", "NUL"]),
            (
                "long.csv", Array(good.utf8) + Array("fish,".utf8) + [UInt8](repeating: 97, count: 10_000_000) + [10],
                ["long.csv", "line 54"]
            ),
            ("data.xyz", Array(good.utf8), ["data.xyz"]),
        ]
        for (name, bytes, culprits) in cases {
            try Data(bytes).write(to: URL(fileURLWithPath: world.path(name)))
            try refused(world, train(world, file: name), naming: culprits)
        }
        try world.write("unseen.csv", "label,text\nfish,cod\nbird,owl\n")
        try refused(
            world, train(world, file: "train.csv", test: "unseen.csv"), naming: ["unseen.csv", "line 3", "bird"])
        try refused(
            world, train(world, file: "train.csv", ["--text-column", "body"]), naming: ["body", "\"text\""])
    }

    @Test func `parts and columns that a task does not have`() throws {
        let world = try TinyWorld()
        try world.writeModules()
        try world.write("pairs.csv", "sentence1,sentence2,score\ncod,eel,1\nfig,iron,0\nplum,lime,0.5\n")
        for (option, parts) in [("train-only", "head"), ("freeze", "embeddings,0-1")] {
            try refused(
                world,
                train(world, file: "pairs.csv", test: "pairs.csv", ["--task", "embedding", "--" + option, parts]),
                naming: ["--" + option, parts, "nothing is left to train"])
        }
        try world.write("tags.conll", "cod B-FISH\nruns O\n\neel B-FISH\nswims O\n")
        try refused(
            world, train(world, file: "tags.conll", test: "tags.conll", ["--text-pair-column", "1"]),
            naming: ["--text-pair-column", "token-classification"])
        try refused(
            world, ["predict", "--model", world.path("model"), world.path("tags.conll")],
            naming: ["tags.conll", "words with tags"])
        try refused(
            world,
            [
                "embed", "--model", world.path("model"), "--input", world.path("train.csv"), "--prefix",
                "cod eel fig lime ",
            ]
                + ["--max-length", "5"], naming: ["\"cod eel fig lime \"", "--prefix"])
    }

    @Test func `weights that are no numbers`() throws {
        let world = try TinyWorld()
        let path = world.path("model/model.safetensors")
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        // The first number of the first tensor, one of the embeddings: it follows a header whose length is said first.
        let length = try #require(try file.read(upToCount: 8)).enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << (8 * UInt64($1.offset))
        }
        try file.seek(toOffset: 8 + length)
        try file.write(contentsOf: Data([0, 0, 0xC0, 0x7F]))
        try file.close()
        let culprits = ["model.safetensors: the tensor ", "not finite"]
        try refused(world, train(world, file: "train.csv"), naming: culprits)
        try refused(
            world, ["embed", "--model", world.path("model"), "--input", world.path("test.csv")], naming: culprits)
    }

    @Test func `model folders`() throws {
        let world = try TinyWorld()
        let weights = try Data(contentsOf: URL(fileURLWithPath: world.path("model/model.safetensors")))
        let config = try String(contentsOfFile: world.path("model/config.json"), encoding: .utf8)
        func with(_ name: String, _ data: Data, _ culprits: [String]) throws {
            let place = URL(fileURLWithPath: world.path("model/\(name)"))
            let before = try Data(contentsOf: place)
            try data.write(to: place)
            try refused(world, train(world, file: "train.csv"), naming: culprits)
            try before.write(to: place)
        }
        try with("model.safetensors", weights.prefix(weights.count / 2), ["model.safetensors"])
        try with("model.safetensors", weights.prefix(3), ["model.safetensors"])
        try with(
            "model.safetensors", Data([255, 255, 255, 255, 255, 255, 255, 127]) + weights.dropFirst(8),
            ["model.safetensors"])
        try with("model.safetensors", weights + Data([0, 0, 0, 0]), ["model.safetensors"])
        let header = String(decoding: weights.prefix(4000), as: UTF8.self)
        if let range = header.range(of: "\"F32\"") {
            var lying = weights
            let start = header.utf8.distance(from: header.startIndex, to: range.lowerBound)
            lying.replaceSubrange(start..<(start + 5), with: Data("\"F64\"".utf8))
            try with("model.safetensors", lying, ["model.safetensors"])
        }
        try with("config.json", Data(config.replacing("\"bert\"", with: "\"gpt2\"").utf8), ["config.json", "gpt2"])
        let narrow = config.replacing("\"hidden_size\": 32", with: "\"hidden_size\": 16")
        #expect(narrow != config)
        try with("config.json", Data(narrow.utf8), ["model.safetensors"])
        try with("config.json", Data("{".utf8), ["config.json"])
        let vocabulary = try String(contentsOfFile: world.path("model/vocab.txt"), encoding: .utf8)
        try with("vocab.txt", Data(vocabulary.replacing("[UNK]", with: "[OOV]").utf8), ["vocab.txt", "[UNK]"])
        try FileManager.default.removeItem(atPath: world.path("model/model.safetensors"))
        try refused(world, train(world, file: "train.csv"), naming: ["model.safetensors"])
        let away = train(world, file: "train.csv").map { $0 == world.path("model") ? world.path("away") : $0 }
        try refused(world, away, naming: ["away"])
    }

    @Test func `options and places`() throws {
        let world = try TinyWorld()
        let good = train(world, file: "train.csv")
        try refused(world, good + ["--workers", "9", "--micro-batches", "8"], naming: ["workers", "micro-batches"])
        try refused(world, good + ["--learning-rate", "-1"], naming: ["learning-rate"])
        try refused(world, good + ["--dropout", "1.5"], naming: ["dropout"])
        try refused(world, good + ["--schedule", "wild"], naming: ["wild"])
        try refused(world, good + ["--max-length", "129"], naming: ["max-length", "128"])
        try refused(
            world, good + ["--pin-workers", "--threads-per-worker", "1000"],
            naming: ["pin-workers", "1 worker of 1000 threads would need 1000 processors", "may use"])
        let worker = ["worker", "--coordinator", "tcp://127.0.0.1:9", "--cpus"]
        try refused(world, worker + ["0-"], naming: ["--cpus is 0-, but must be a list"])
        try refused(
            world, worker + ["8191"],
            naming: ["--cpus 8191 cannot be used: none of them is a processor of this process", "it may use"])
        try refused(world, worker + ["0,8191"], naming: ["--cpus 0,8191 cannot be used: this process may not use 8191"])
        try world.write("bad.yaml", "learning_rat: 1\n")
        try refused(world, good + ["--config", world.path("bad.yaml")], naming: ["learning_rat"])

        try FileManager.default.createDirectory(atPath: world.path("full"), withIntermediateDirectories: true)
        try world.write("full/kept", "data")
        let full = good.map { $0 == world.path("out") ? world.path("full") : $0 }
        try refused(world, full, naming: ["full"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.path("full")) == ["kept"])
        // Root may write anywhere, but not below a file.
        let below = good.map { $0 == world.path("out") ? world.path("train.csv/out") : $0 }
        try refused(world, below, naming: ["train.csv"])
        #expect(try ShoalProcess.run(["train"], in: world.folder).code != 0)
        #expect(try ShoalProcess.run(["train", "--nonsense"], in: world.folder).code == 64)
    }

    @Test func `predict and evaluate`() throws {
        let world = try TinyWorld()
        try refused(
            world, ["predict", "--model", world.path("model"), "--text", "cod"],
            naming: ["no trained head for classification"])
        try refused(world, ["predict", "--model", world.path("none"), "--text", "cod"], naming: ["none"])
        try refused(
            world, ["evaluate", "--model", world.path("model"), "--data", world.path("none.csv")], naming: [])
        try refused(world, ["fetch", "nothing-like-it"], naming: ["nothing-like-it", "reuters-r8"])
    }
}
