import Foundation
import Testing

/// Texts to label next, and wrong labels.
@Suite(.serialized) struct SuggestTests {
    private let world: TinyWorld

    init() throws { world = try TinyWorld() }

    private func run(_ arguments: [String]) throws -> ShoalProcess {
        let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
        try #require(code == 0, "\(process.errors)")
        return process
    }

    /// The records of a CSV file whose fields have neither quotes nor line feeds in them.
    private func records(_ name: String) throws -> [(label: String, text: String)] {
        try String(contentsOfFile: world.path(name), encoding: .utf8).split(separator: "\n").dropFirst().map {
            let comma = $0.firstIndex(of: ",") ?? $0.startIndex
            return (String($0[..<comma]), String($0[$0.index(after: comma)...]).replacing("\"", with: ""))
        }
    }

    @Test func `texts to label next are unsure and new`() throws {
        _ = try run([
            "train", "--method", "probe", "--model", world.path("model"), "--train", world.path("train.csv"),
            "--output",
            world.path("run"),
        ])
        let (train, test) = (try records("train.csv"), try records("test.csv"))
        // The test set's texts, a blank one, one twice, and two of the training set.
        let texts = test.map(\.text) + ["", test[3].text, train[0].text, train[7].text]
        try world.write("pool.txt", texts.joined(separator: "\n") + "\n")
        let suggest = [
            "suggest", "--model", world.path("run/model"), "--unlabeled", world.path("pool.txt"), "--train",
            world.path("train.csv"),
        ]
        let process = try run(suggest + ["--count", "5", "--output", world.path("next.jsonl")])
        #expect(process.errors.contains("left out: 2 texts that"), "\(process.errors)")
        #expect(process.errors.contains("1 repetition") && process.errors.contains("distance of embeddings"))
        let lines = try world.jsonLines("next.jsonl")
        #expect(lines.count == 5)
        let shown = process.output.split(separator: "\n")
        #expect(shown.count == 6 && shown[0].contains("predicted label  confidence  reason"), "\(process.output)")
        for line in lines {
            let row = try #require(line["row"] as? Int)
            #expect((1...30).contains(row) && line["text"] as? String == texts[row - 1])
            let label = try #require(line["predicted_label"] as? String)
            let reason = try #require(line["reason"] as? String)
            #expect(TinyWorld.classes.contains(label) && reason.hasPrefix("\(label) 0."), "\(reason)")
            #expect((line["confidence"] as? Double).map { $0 > 1.0 / 3 && $0 < 1 } == true)
        }
        #expect(Set(lines.compactMap { $0["row"] as? Int }).count == 5)
        // Again, as CSV, and more than there are.
        #expect(try run(suggest + ["--count", "5"]).output == process.output)
        _ = try run(suggest + ["--count", "500", "--output", world.path("next.csv")])
        let all = try String(contentsOfFile: world.path("next.csv"), encoding: .utf8)
        #expect(all.hasPrefix("row,text,predicted_label,confidence,reason\n"))
        #expect(all.split(separator: "\n").count == 31 && all.contains(",\"") == texts.contains { $0.contains(",") })

        // A classifier that stands on no embeddings is told apart by its logits.
        _ = try run(world.train("tuned", ["--steps", "2"]))
        let tuned = try run([
            "suggest", "--model", world.path("tuned/model"), "--unlabeled", world.path("pool.txt"), "--count", "3",
        ])
        #expect(tuned.errors.contains("distance of logits") && tuned.output.split(separator: "\n").count == 4)
    }

    @Test func `labels that were flipped are found`() throws {
        var train = try records("train.csv").map { (label: $0.label, text: $0.text.replacing(",", with: "")) }
        let flipped = [4, 17, 30, 45]
        for row in flipped {
            let number = TinyWorld.classes.firstIndex(of: train[row].label) ?? 0
            train[row].label = TinyWorld.classes[(number + 1) % 3]
        }
        let lines = train.map { "\($0.label),\($0.text)\n" } + ["alone,the of\n"]
        try world.write("noisy.csv", "label,text\n" + lines.joined())
        let suggest = [
            "suggest", "--label-errors", "--model", world.path("model"), "--train", world.path("noisy.csv"),
        ]
        let process = try run(suggest + ["--count", "8", "--output", world.path("errors.jsonl")])
        #expect(process.errors.contains("1 example left out, each the only one of its class"), "\(process.errors)")
        #expect(process.errors.contains("of 52 labels are probably wrong"))
        let found = try world.jsonLines("errors.jsonl")
        #expect(found.count == 8 && process.output.split(separator: "\n").count == 9)
        var confidences: [Double] = []
        for line in found {
            let row = try #require(line["row"] as? Int) - 1
            #expect(line["text"] as? String == train[row].text && line["label"] as? String == train[row].label)
            let (own, other) = (line["label_probability"] as? Double ?? 1, line["proposed_probability"] as? Double ?? 0)
            #expect(own < other && line["proposed_label"] as? String != train[row].label)
            confidences.append(own)
        }
        #expect(confidences == confidences.sorted())
        let hits = found.compactMap { $0["row"] as? Int }.count { flipped.contains($0 - 1) }
        #expect(hits >= 3, "\(found)")
        #expect(try run(suggest + ["--count", "8"]).output == process.output)
        // Without a count, as many as are estimated.
        let estimated = try run(suggest)
        let count = try #require(estimated.errors.firstMatch(of: #/about (\d+) of/#)?.1)
        #expect(estimated.output.split(separator: "\n").count == (Int(count) ?? -2) + 1)
    }

    @Test func `what does not fit is refused by name`() throws {
        func refused(_ arguments: [String], _ culprits: String..., code status: Int32 = 64) throws {
            let (code, process) = try ShoalProcess.run(["suggest"] + arguments, in: world.folder)
            #expect(code == status && process.output.isEmpty, "\(process.errors)")
            for culprit in culprits { #expect(process.errors.contains(culprit), "\(process.errors)") }
        }
        let model = ["--model", world.path("model")]
        let pool = ["--unlabeled", world.path("test.csv")]
        try refused(model, "--unlabeled", "--label-errors")
        try refused(model + ["--label-errors"], "--train")
        try refused(model + pool + ["--label-errors", "--train", world.path("train.csv")], "leave out --unlabeled")
        try refused(model + pool + ["--count", "0"], "--count is 0")
        try refused(model + pool + ["--output", "x.npy"], "must end with .csv or .jsonl")
        try refused(model + pool + ["--label-column", "label"], "--label-column")
        try refused(model + pool, "no trained head", code: 1)
        try refused(
            model + pool + ["--train", world.path("test.csv")], "test.csv: every text is in", code: 1)
        try world.write("one.csv", "label,text\nfish,cod\nfish,eel\nfruit,fig\n")
        try refused(
            model + ["--label-errors", "--train", world.path("one.csv")], "one.csv: has fewer than two classes",
            code: 1)
        try world.write("blank.txt", "\n \n")
        try refused(model + ["--unlabeled", world.path("blank.txt")], "blank.txt: has no text", code: 1)
        try world.writeModules()
        try refused(model + pool, "the model's task is embedding")
        #expect(!world.exists("x.npy"))
    }
}
