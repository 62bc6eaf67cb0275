import Foundation
import Modeling
import Testing

/// What model folders say, and what becomes of it in `train`, `evaluate` and `predict`.
@Suite(.serialized) struct ModelFolderTests {
    private func evaluation(_ world: TinyWorld, _ model: String, data: String = "test.csv") throws -> String {
        let (code, process) = try ShoalProcess.run(
            ["evaluate", "--model", world.path(model), "--data", world.path(data), "--json", "--threads", "1"],
            in: world.folder)
        #expect(code == 0, "\(process.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(process.output.utf8)) as? [String: Any] ?? [:]
        return "\(object["accuracy"] ?? "none") \(object["loss"] ?? "none")"
    }

    private func refused(_ world: TinyWorld, _ arguments: [String], _ culprits: String...) throws {
        let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
        // 64: an option that does not go with the model.
        #expect(code == 1 || code == 64, "\(arguments)")
        let failure = process.failure ?? "no error line: \(process.errors)"
        for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
        #expect(process.output.isEmpty && !world.exists("out"))
    }

    private func rewriteModel(_ world: TinyWorld, change: (inout ModelConfiguration) -> Void = { _ in }) throws {
        try FileManager.default.removeItem(atPath: world.path("model"))
        try world.writeModel("model", change: change)
    }

    private func edit(_ world: TinyWorld, _ file: String, _ changes: (String, String)...) throws {
        var text = try String(contentsOfFile: world.path(file), encoding: .utf8)
        for (old, new) in changes {
            #expect(text.contains(old))
            text = text.replacing(old, with: new)
        }
        try world.write(file, text)
    }

    @Test func `a written model says itself how long texts are, and keeps its head in another training`() throws {
        let world = try TinyWorld()
        let (code, process) = try ShoalProcess.run(
            world.train("run", ["--epochs", "2", "--max-length", "7", "--checkpoint-every", "2"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(process.errors.contains("has no classifier: it is drawn anew"))
        let expected = try evaluation(world, "run/model")
        try FileManager.default.copyItem(atPath: world.path("run/model"), toPath: world.path("copy"))
        #expect(try TokenizerLength.read(folder: world.path("copy")) == 7)
        #expect(try evaluation(world, "copy") == expected)
        let checkpoints = try FileManager.default.contentsOfDirectory(atPath: world.path("run/checkpoints"))
        let checkpoint = try #require(checkpoints.first)
        #expect(try TokenizerLength.read(folder: world.path("run/checkpoints/\(checkpoint)")) == 7)

        // The same classes under numbers, as transformers calls labels without a name.
        for file in ["train.csv", "test.csv"] {
            // In the order of the numbers, the classes stand otherwise.
            try edit(world, file, ("\nfish,", "\n2,"), ("\nfruit,", "\n0,"), ("\nmetal,", "\n1,"))
        }
        try Self.renameLabels(world)
        #expect(try evaluation(world, "copy") == expected)
        let again = [
            "train", "--model", world.path("copy"), "--train", world.path("train.csv"), "--output", world.path("again"),
            "--steps", "1", "--learning-rate", "1e-30", "--max-length", "7",
        ]
        let (code2, process2) = try ShoalProcess.run(again, in: world.folder)
        #expect(code2 == 0, "\(process2.errors)")
        #expect(process2.errors.contains("its rows matched by label (0, 1, 2)"), "\(process2.errors)")
        #expect(try evaluation(world, "again/model") == expected)
        try refused(
            world, ["predict", "--model", world.path("run"), "--text", "cod"], "run directory", "run/model")
    }

    /// fish is 2, fruit is 0, metal is 1.
    private static func renameLabels(_ world: TinyWorld) throws {
        let path = world.path("copy/config.json")
        var object = try world.json("copy/config.json")
        object["id2label"] = ["0": "LABEL_2", "1": "LABEL_0", "2": "LABEL_1"]
        object["label2id"] = ["LABEL_2": 0, "LABEL_0": 1, "LABEL_1": 2]
        try JSONSerialization.data(withJSONObject: object).write(to: URL(fileURLWithPath: path))
    }

    @Test func `the length that is not asked for follows the model`() throws {
        let world = try TinyWorld()
        try rewriteModel(world) { $0.encoder.positions = .absolute(rows: 64, offset: 0) }
        try refused(world, world.train("out", ["--max-length", "65"]), "--max-length is 65", "at most the 64")
        let (code, process) = try ShoalProcess.run(world.train("run", ["--steps", "1"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(try TokenizerLength.read(folder: world.path("run/model")) == 64)
    }

    @Test func `models for other tasks, and texts that a model cannot take, are refused`() throws {
        let world = try TinyWorld()
        let predict = ["predict", "--model", world.path("model"), "--text", "cod"]
        let evaluate = ["evaluate", "--model", world.path("model"), "--data", world.path("test.csv")]
        let whole = try String(contentsOfFile: world.path("model/config.json"), encoding: .utf8)
        try edit(world, "model/config.json", ("single_label_classification", "ranking"))
        for command in [predict, evaluate, world.train("out")] {
            try refused(world, command, "config.json", "problem_type is \"ranking\", must be one of")
        }
        try world.write("model/config.json", whole)
        try edit(world, "model/config.json", ("ForSequenceClassification", "ForQuestionAnswering"))
        for command in [predict, evaluate] {
            try refused(world, command, "config.json", "BertForQuestionAnswering", "a model for none of the tasks")
        }
        try world.write("model/config.json", whole)
        try rewriteModel(world) { $0.encoder.segments = 1 }
        try world.write("pairs.csv", "label,text,text_pair\nfish,cod,eel\nfruit,fig,plum\nfish,a,b\nfruit,a,c\n")
        let pairs = [
            "train", "--model", world.path("model"), "--train", world.path("pairs.csv"), "--output", world.path("out"),
        ]
        try refused(world, pairs, "pairs of texts need 2 segments, the model has 1")
        try rewriteModel(world)
        try edit(world, "model/vocab.txt", ("much\n", "much\nanother\n"))
        for command in [predict, evaluate, world.train("out")] {
            try refused(world, command, "model: ", "the tokenizer has", "resize_token_embeddings")
        }
    }

    @Test func `labels that a training replaces do not block it`() throws {
        let world = try TinyWorld()
        try edit(world, "model/config.json", ("\"0\": \"LABEL_0\"", "\"0\": true"))
        try refused(
            world, ["predict", "--model", world.path("model"), "--text", "cod"], "config.json: id2label[0] is true")
        let (code, process) = try ShoalProcess.run(world.train("run", ["--steps", "1"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
    }

    @Test func `a model of the catalogue that is not fetched says how to fetch it`() throws {
        let world = try TinyWorld()
        let names = ["--model", "all-MiniLM-L6-v2"]
        let train = ["train", "--train", world.path("train.csv"), "--output", world.path("out")] + names
        let commands = [train, ["tokenize", world.path("test.csv")] + names, ["predict", "--text", "a"] + names]
        for command in commands {
            let process = try ShoalProcess(command, in: world.folder, environment: ["SHOAL_CACHE": world.path("cache")])
            #expect(process.wait() == 1)
            #expect(process.failure?.contains("shoal fetch all-MiniLM-L6-v2") == true, "\(process.errors)")
        }
    }
}
