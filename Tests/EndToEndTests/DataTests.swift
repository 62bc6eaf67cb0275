import Foundation
import Testing

/// What runs make of data, and say of it.
@Suite(.serialized) struct DataTests {
    /// The options of a run without epochs, steps and learning rate.
    private func train(_ world: TinyWorld, _ output: String, file: String = "train.csv", _ more: [String]) -> [String] {
        [
            "train", "--model", world.path("model"), "--train", world.path(file), "--output", world.path(output),
        ] + more
    }

    private func good(_ world: TinyWorld) throws -> String {
        try String(contentsOfFile: world.path("train.csv"), encoding: .utf8)
    }

    @Test func `epochs and rate follow from the examples, are said, and stay when the run goes on`() throws {
        let world = try TinyWorld()
        let options = ["--schedule", "constant", "--warmup", "0"]
        let (code, process) = try ShoalProcess.run(train(world, "auto", options), in: world.folder)
        try #require(code == 0, "\(process.errors)")
        #expect(process.errors.contains("\n50 epochs of 2 steps at a learning rate of 1e-4 (chosen for 52 examples;"))
        #expect(
            process.errors.hasPrefix(
                "columns: text \"text\", label \"label\"; 3 classes: fish 18, fruit 17, metal 17\n"))
        let given = options + ["--epochs", "50", "--learning-rate", "1e-4"]
        #expect(try ShoalProcess.run(train(world, "given", given), in: world.folder).code == 0)
        #expect(try world.weightsHash("auto") == world.weightsHash("given"))
        #expect(
            try ShoalProcess.run(
                ["train", "--config", world.path("auto/run.yaml"), "--output", world.path("again")], in: world.folder
            ).code == 0)
        #expect(try world.weightsHash("again") == world.weightsHash("given"))
        let longer = options + ["--epochs", "51", "--learning-rate", "1e-4"]
        #expect(try ShoalProcess.run(train(world, "longer", longer), in: world.folder).code == 0)
        #expect(try ShoalProcess.run(["resume", world.path("auto"), "--epochs", "51"], in: world.folder).code == 0)
        #expect(try world.weightsHash("auto") == world.weightsHash("longer"))
    }

    @Test func `a run of one step learns something`() throws {
        let world = try TinyWorld()
        let (code, process) = try ShoalProcess.run(train(world, "one", ["--steps", "1"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(process.errors.contains("warning: --warmup 0.1 would cover the only step"), "\(process.errors)")
        #expect(try world.jsonLines("one/metrics.jsonl").first?["learning_rate"] as? Double == 1e-4)
    }

    @Test func `a class with one example is trained on, or dropped where that is asked for`() throws {
        let world = try TinyWorld()
        try world.write("rare.csv", try good(world) + "rare,\"a cod\"\n")
        try world.write("rare-test.csv", "label,text\nrare,a cod\nfish,a tuna\n")
        let options = ["--steps", "2", "--test", world.path("rare-test.csv")]
        let (code, process) = try ShoalProcess.run(train(world, "all", file: "rare.csv", options), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(process.errors.contains("warning: ") && process.errors.contains("rare 1"), "\(process.errors)")
        let dropping = train(world, "some", file: "rare.csv", options + ["--drop-rare-classes"])
        let (dropped, quiet) = try ShoalProcess.run(dropping, in: world.folder)
        #expect(dropped == 0 && quiet.errors.contains("--drop-rare-classes: without the class"), "\(quiet.errors)")
        let test = try world.json("some/result.json")["test"] as? [String: Any]
        #expect(test?["examples"] as? Int == 1)
        let one = train(world, "one", file: "rare.csv", ["--shots", "1", "--steps", "2"])
        #expect(try ShoalProcess.run(one, in: world.folder).code == 0)
    }

    @Test func `a model knows whether it was trained on pairs`() throws {
        let world = try TinyWorld()
        let rows = (0..<8).map { "a cod \($0),a fig,\($0 % 2 == 0 ? "yes" : "no")\n" }.joined()
        try world.write("qnli.csv", "question,sentence,label\n" + rows)
        let (code, process) = try ShoalProcess.run(
            train(world, "pairs", file: "qnli.csv", ["--steps", "1"]), in: world.folder)
        #expect(code == 0 && process.errors.contains("text \"question\", pair \"sentence\""), "\(process.errors)")
        let model = ["--model", world.path("pairs/model")]
        try world.write("single.csv", "text,label\na cod,yes\na cod,no\n")
        for (arguments, isWarned) in [
            (["evaluate"] + model + ["--data", world.path("single.csv")], true),
            (["evaluate"] + model + ["--data", world.path("qnli.csv")], false),
            (["predict"] + model + ["--text", "a cod"], true),
            (["predict"] + model + ["--text", "a cod", "--text-pair", "a fig"], false),
        ] {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0)
            #expect(process.errors.contains("trained on pairs") == isWarned, "\(arguments): \(process.errors)")
        }
    }

    @Test func `files that are no text are named alike everywhere`() throws {
        let world = try TinyWorld()
        try Data([0x1F, 0x8B, 8, 0, 0, 0]).write(to: URL(fileURLWithPath: world.path("a.csv")))
        try Data([0x1F, 0x8B, 8, 0, 0, 0]).write(to: URL(fileURLWithPath: world.path("a.csv.gz")))
        #expect(try ShoalProcess.run(train(world, "m", ["--steps", "1"]), in: world.folder).code == 0)
        let model = ["--model", world.path("m/model")]
        for name in ["a.csv", "a.csv.gz"] {
            for arguments in [
                train(world, "out", file: name, []), ["evaluate"] + model + ["--data", world.path(name)],
                ["predict"] + model + [world.path(name)],
            ] {
                let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
                #expect(code == 1)
                #expect(
                    process.failure?.hasSuffix("\(name): is compressed with gzip; unpack it first, as with gunzip")
                        == true)
            }
        }
    }
}
