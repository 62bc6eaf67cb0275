import Foundation
import Modeling
import Testing
import Training

@testable import Cluster

/// Runs with `--task embedding`, from their options to what their folders are good for.
@Suite struct EmbeddingRunTests {
    private let world: TinyWorld

    init() throws {
        world = try TinyWorld()
        try world.writeModules()
        let things = ["cod", "eel", "fig", "plum", "iron", "zinc"]
        // Things of a kind are alike: 22 different scores.
        let lines = things.indices.flatMap { i in
            things.indices.map { j in
                "\(things[i]) and more,the \(things[j]),\(i / 2 == j / 2 ? "4" : "0").\(10 + (6 * i + j) % 11)"
            }
        }
        try world.write("pairs.csv", "sentence1,sentence2,score\n" + lines.joined(separator: "\n") + "\n")
    }

    private func shoal(_ arguments: [String]) throws -> (status: Int32?, output: String, errors: String) {
        let (status, process) = try ShoalProcess.run(arguments, in: world.folder)
        return (status, process.output, process.errors)
    }

    private func train(_ output: String, _ more: [String], train: String = "pairs.csv") throws -> (
        status: Int32?, output: String, errors: String
    ) {
        try shoal(
            [
                "train", "--model", world.path("model"), "--train", world.path(train), "--output", world.path(output),
                "--batch-size", "12", "--learning-rate", "3e-3",
            ] + (more.contains("--steps") ? [] : ["--epochs", "10"]) + more)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run is seen from model and data, learns, and leaves a folder for embed, evaluate and predict`() throws {
        let data = ["--data", world.path("pairs.csv"), "--json"]
        func evaluate(_ model: String) throws -> [String: Any] {
            let result = try shoal(["evaluate", "--model", world.path(model)] + data)
            #expect(result.status == 0, "\(result.errors)")
            return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
        }
        let before = try #require(try evaluate("model")["spearman"] as? Double)
        let run = try train("run", ["--test", world.path("pairs.csv")])
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output + run.errors
        #expect(lines.contains("task: embedding, since pairs have scores and the model makes embeddings"), "\(lines)")
        #expect(lines.contains("scores from 0.1 to 4.2 stand for cosines from 0 to 1"), "\(lines)")
        let yaml = try String(contentsOfFile: world.path("run/run.yaml"), encoding: .utf8)
        #expect(yaml.contains("task: embedding") && yaml.contains("score_range: "), "\(yaml)")

        let after = try evaluate("run/model")
        let spearman = try #require(after["spearman"] as? Double)
        #expect(spearman > before + 0.1, "\(before) \(spearman)")
        let test = try #require(try world.json("run/result.json")["test"] as? [String: Any])
        for key in ["spearman", "pearson", "loss"] {
            let (one, other) = (test[key] as? Double ?? 0, after[key] as? Double ?? 1)
            #expect(abs(one - other) < 1e-4, "\(key)")
        }
        #expect(test["examples"] as? Int == 36)

        let answer = try shoal([
            "predict", "--model", world.path("run/model"), "--text", "cod and more", "--text-pair", "the eel",
        ])
        let cosine = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Double])["cosine"]
        try world.write("texts.txt", "cod and more\nthe eel\n")
        let embed = try shoal(["embed", "--model", world.path("run/model"), "--input", world.path("texts.txt")])
        let rows = try embed.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: [Double]])["embedding"]
                ?? []
        }
        let dot = zip(rows[0], rows[1]).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(dot - (cosine ?? 2)) < 1e-5, "\(dot)")
        for file in ["modules.json", "1_Pooling/config.json", "2_Normalize/config.json", "sentence_bert_config.json"] {
            #expect(world.exists("run/model/\(file)"), "\(file)")
        }
        let config = try world.json("run/model/config.json")
        #expect((config["shoal_score_range"] as? [Double])?.count == 2)
        let own = try world.json("run/model/config_sentence_transformers.json")
        #expect(own["similarity_fn_name"] as? String == "cosine")

        // The folder is one to begin with; the same data by regression have a head, and no modules.
        let more = try train("more", ["--score-range", "0,5", "--steps", "2"])
        #expect(more.status == 0, "\(more.errors)")
        let regression = try train("head", ["--task", "regression"])
        #expect(regression.status == 0 && !world.exists("head/model/modules.json"), "\(regression.errors)")
    }

    @Test func `a task can be chosen where a folder leaves it open, and nowhere else`() throws {
        try world.writeModel("bare") { $0.purpose = ModelPurpose(classSuffix: nil) }
        try FileManager.default.removeItem(atPath: world.path("bare/modules.json"))
        let data = ["--data", world.path("pairs.csv"), "--json"]
        let open = try shoal(["evaluate", "--model", world.path("bare")] + data)
        #expect(open.status == 1, "\(open.errors)")
        #expect(open.errors.contains("no trained head for classification"), "\(open.errors)")
        #expect(open.errors.contains("or compare texts by its embeddings with --task embedding"), "\(open.errors)")
        let chosen = try shoal(["evaluate", "--model", world.path("bare"), "--task", "embedding"] + data)
        #expect(chosen.status == 0 && chosen.output.contains("\"spearman\""), "\(chosen.errors)")
        // The model with modules has the same mean, whose cosines do not depend on its length.
        let own = try shoal(["predict", "--model", world.path("model"), "--text", "a cod", "--text-pair", "zinc"])
        let same = try shoal([
            "predict", "--model", world.path("bare"), "--text", "a cod", "--text-pair", "zinc", "--task", "embedding",
        ])
        #expect(own.status == 0 && own.output.prefix(15) == same.output.prefix(15), "\(own.output) \(same.output)")
        let head = try shoal(["evaluate", "--model", world.path("bare"), "--task", "regression"] + data)
        #expect(head.status == 1 && head.errors.contains("no trained head for regression: train the model first"))
        #expect(!head.errors.contains("--task embedding"), "\(head.errors)")
        let other = try shoal(["evaluate", "--model", world.path("model"), "--task", "regression"] + data)
        #expect(other.status == 1, "\(other.errors)")
        #expect(other.errors.contains("is that of a model for embedding, and --task is regression"), "\(other.errors)")
        let none = try shoal(["evaluate", "--model", world.path("model"), "--task", "ner"] + data)
        #expect(none.status == 64 && none.errors.contains("must be one of classification,"), "\(none.errors)")
    }

    @Test func `what does not go together is refused in a line`() throws {
        func expect(_ message: String, _ more: [String], train file: String = "pairs.csv") throws {
            let result = try train("refused", more, train: file)
            #expect(result.status != 0 && result.errors.contains(message), "\(result.errors)")
            #expect(!world.exists("refused"))
        }
        let task = ["--task", "embedding"]
        try expect("scores are from 0.1 to 4.2, beyond --score-range 0,4", task + ["--score-range", "0,4"])
        try expect("must be the scores that stand for the cosines 0 and 1", task + ["--score-range", "5,0"])
        try expect(
            "--score-range does not go with --task regression", ["--task", "regression", "--score-range", "0,5"])
        try expect(
            "--label-separator does not go with --task embedding: nothing in its data is",
            task + ["--label-separator", "|"])
        try expect("--shots does not go with --task embedding", task + ["--shots", "4"])
        try expect("--label-smoothing", task + ["--label-smoothing", "0.1"])
        try world.write("single.csv", "text,score\na cod,1.5\nan eel,2\n")
        try expect("single.csv: embeddings are compared, which takes two texts", task, train: "single.csv")
        try world.write("equal.csv", "sentence1,sentence2,score\na cod,an eel,2\nan eel,a cod,2\n")
        try expect("equal.csv: all scores are 2", task, train: "equal.csv")
        try world.write("words.csv", "sentence1,sentence2,score\na cod,an eel,high\n")
        try expect("words.csv, line 2: the label \"high\" is not a number", task, train: "words.csv")
        try world.write("comma.csv", "sentence1,sentence2,score\na cod,an eel,\"3,5\"\n")
        try expect(
            "comma.csv, line 2: the score \"3,5\" is not a number; decimals are written with a point", task,
            train: "comma.csv")
        try world.write("large.csv", "sentence1,sentence2,score\na cod,an eel,1e39\n")
        try expect("large.csv, line 2: the label \"1e39\" is beyond what a number of 32 bits", task, train: "large.csv")
        try world.write("empty.csv", "sentence1,sentence2,score\na cod,an eel,1\na cod, ,2\n")
        try expect("empty.csv, line 3: the second text is empty", task, train: "empty.csv")
        try world.write("list.jsonl", "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"score\": [1, 2]}\n")
        try expect(
            "list.jsonl, line 1: the label is an array: a pair of texts has one score", task, train: "list.jsonl")
        let modules = try String(contentsOfFile: world.path("model/modules.json"), encoding: .utf8)
        try world.write("model/modules.json", modules.replacing("models.Normalize", with: "models.Dense"))
        try expect("has the module \"sentence_transformers.models.Dense\"", task)
        try world.write("model/modules.json", modules)
        let single = try shoal(["predict", "--model", world.path("model"), "--text", "a cod"])
        #expect(single.status == 1 && single.errors.contains("embeddings of single texts are made by embed"))
        let text = try String(contentsOfFile: world.path("model/config.json"), encoding: .utf8)
        try world.write(
            "model/config.json", text.replacing("{", with: "{\"shoal_score_range\": [5, 0],", maxReplacements: 1))
        let range = try shoal(["evaluate", "--model", world.path("model"), "--data", world.path("pairs.csv")])
        #expect(range.status == 1 && range.errors.contains("shoal_score_range is "), "\(range.errors)")
    }
}
