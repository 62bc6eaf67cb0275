import Foundation
import Modeling
import Testing

/// Options, files and folders that do not go with what a model is for: each is one line that says so.
@Suite struct UnfitOptionTests {
    private let world: TinyWorld

    init() throws { world = try TinyWorld() }

    private func expect(_ message: String, _ arguments: [String], status: Int32 = 1) throws {
        let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
        let failure = process.failure ?? "no error line: \(process.errors)"
        #expect(failure.contains(message), "\(failure)")
        #expect(code == status && process.output.isEmpty, "\(process.errors)")
    }

    private func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: world.path(file), encoding: .utf8)
        #expect(text.contains(old), "\(text)")
        try world.write(file, text.replacing(old, with: new))
    }

    @Test func `a class that config json names wrongly decides on nothing`() throws {
        let names = try #require(try world.json("model/config.json")["architectures"] as? [String])
        let text = "\"\(names[0])\""
        try edit("model/config.json", text, "\"BertForQuestionAnswering\"")
        try expect(
            "architectures is \"BertForQuestionAnswering\", a model for none of the tasks classification,",
            ["predict", "--model", world.path("model"), "--text", "cod"])
        try edit("model/config.json", "\"BertForQuestionAnswering\"", "5")
        try expect(
            "config.json: architectures is an array, must be a list of names",
            ["predict", "--model", world.path("model"), "--text", "cod"])
    }

    @Test func `a head that is missing is named by its task`() throws {
        try world.writeModel("bare") { $0.purpose = ModelPurpose(classSuffix: nil) }
        try FileManager.default.removeItem(atPath: world.path("bare/modules.json"))
        for task in ["masked-lm", "token-classification", "multi-label"] {
            try expect(
                "the weights have no trained head for \(task)",
                ["predict", "--model", world.path("bare"), "--text", "a [MASK]", "--task", task])
        }
    }

    @Test func `a folder of an adapter is no model, and a pickle beside it is not read`() throws {
        try FileManager.default.createDirectory(atPath: world.path("adapter"), withIntermediateDirectories: true)
        try world.write("adapter/adapter_config.json", "{\"peft_type\": \"LORA\", \"target_modules\": [\"query\"]}")
        let predict = ["predict", "--text", "cod", "--model"]
        try expect("it is the folder of an adapter: give the folder of its model", predict + [world.path("adapter")])
        let both = predict + [world.path("model"), "--adapter", world.path("adapter")]
        try expect("adapter_model.safetensors: missing; the folder of an adapter holds it", both)
        try world.write("adapter/adapter_model.bin", "cos\nsystem\n(S'id'\ntR.")
        try expect("missing; only adapter_model.bin is there: load it with peft", both)
    }

    @Test func `columns of what has none are refused`() throws {
        try world.write("texts.txt", "a cod\n")
        let model = ["--model", world.path("model")]
        try expect(
            "texts.txt is read as one text per line, without columns",
            ["embed"] + model + ["--input", world.path("texts.txt"), "--text-column", "text"], status: 64)
        try expect(
            "standard input is read as one text per line", ["tokenize"] + model + ["--text-pair-column", "b"],
            status: 64)
        try expect(
            "--text has no columns", ["predict"] + model + ["--text", "cod", "--text-column", "text"], status: 64)
        try expect(
            "--max-length is 2, but must be 3 to the 128 tokens of the model",
            ["embed"] + model + ["--input", world.path("texts.txt"), "--max-length", "2"])
        try expect("must be a path, and not empty", ["predict", "--model", "", "--text", "cod"], status: 64)
        try expect("--task is \"\", but must be classification,", world.train("out", ["--task", ""]), status: 64)
        try expect("\"\": nothing of that name to fetch", ["fetch", ""])
    }

    @Test func `options of labels do not go with a masked language model`() throws {
        try world.write("texts.csv", "text,label\na cod and an eel,x\nsome zinc and gold,y\n")
        let (code, process) = try ShoalProcess.run(
            [
                "pretrain", "--model", world.path("model"), "--train", world.path("texts.csv"), "--output",
                world.path("run"), "--steps", "1",
            ], in: world.folder)
        #expect(code == 0, "\(process.errors)")
        let evaluate = ["evaluate", "--model", world.path("run/model"), "--data", world.path("texts.csv")]
        for more in [
            ["--label-column", "label"], ["--label-separator", "|"], ["--repair-tags"], ["--skip-unknown-labels"],
        ] {
            try expect(
                "\(more[0]): it does not go with the model's task, masked-lm; leave it out", evaluate + more, status: 64
            )
        }
    }
}
