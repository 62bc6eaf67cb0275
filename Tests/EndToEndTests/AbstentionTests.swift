import Foundation
import Testing

/// Predictions that leave texts without a class, and what evaluations say of them.
@Suite(.serialized) struct AbstentionTests {
    private func object(_ line: some StringProtocol) throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }

    @Test func `what is not sure enough has no label, and is counted`() throws {
        let world = try TinyWorld()
        let trained = try ShoalProcess.run(
            world.train("run", ["--method", "probe"]).filter { !Self.steps($0) }, in: world.folder)
        try #require(trained.code == 0, "\(trained.process.errors)")
        let model = world.path("run/model")
        let test = try #require(try world.json("run/result.json")["test"] as? [String: Any])
        let error = try #require(test["expected_calibration_error"] as? Double)
        let confidence = try #require(test["mean_confidence"] as? Double)
        #expect((0...1).contains(error) && (0.34...1).contains(confidence), "\(test)")

        func run(_ arguments: [String]) throws -> ShoalProcess {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            try #require(code == 0, "\(process.errors)")
            return process
        }
        let all = try run(["predict", "--model", model, world.path("test.csv")])
        let plain = try all.output.split(separator: "\n").map(object)
        #expect(plain.count == 30 && plain.allSatisfy { $0["label"] is String })
        #expect(!all.errors.contains("abstained"))
        func largest(_ answer: [String: Any]) -> Double {
            (answer["probabilities"] as? [String: Double])?.values.max() ?? 0
        }
        // A bound that halves the texts.
        let bound = plain.map(largest).sorted()[15]
        let some = try run(["predict", "--model", model, world.path("test.csv"), "--abstain-below", "\(bound)"])
        let answers = try some.output.split(separator: "\n").map(object)
        var unanswered = 0
        for (answer, before) in zip(answers, plain) {
            #expect(answer["probabilities"] as? [String: Double] == before["probabilities"] as? [String: Double])
            if largest(before) < bound {
                #expect(answer["label"] is NSNull)
                unanswered += 1
            } else {
                #expect(answer["label"] as? String == before["label"] as? String)
            }
        }
        #expect(unanswered > 0 && unanswered <= 15)
        #expect(some.errors.contains("abstained from \(unanswered) of 30 texts"), "\(some.errors)")

        let evaluate = ["evaluate", "--model", model, "--data", world.path("test.csv")]
        let found = try object(try run(evaluate + ["--json", "--abstain-below", "\(bound)"]).output)
        #expect(found["coverage"] as? Double == Double(30 - unanswered) / 30)
        #expect(found["accuracy"] as? Double == test["accuracy"] as? Double)
        #expect(abs((found["expected_calibration_error"] as? Double ?? -1) - error) < 1e-5)
        #expect((found["answered_accuracy"] as? Double).map { (0...1).contains($0) } == true)
        let table = try run(evaluate + ["--abstain-below", "\(bound)"]).output
        for name in ["mean confidence", "expected calibration error", "coverage", "accuracy among answered"] {
            #expect(table.contains("\n\(name) "), "\(table)")
        }
        #expect(try !run(evaluate).output.contains("coverage"))
    }

    /// Options that a probe has no use for.
    private static func steps(_ argument: String) -> Bool {
        ["--batch-size", "20", "--micro-batches", "8", "--learning-rate", "3e-3"].contains(argument)
    }

    @Test func `bounds that cannot be, and models that give no class, are refused`() throws {
        let world = try TinyWorld()
        func refused(_ arguments: [String], _ culprits: [String]) throws {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 64 && process.output.isEmpty)
            for culprit in culprits { #expect(process.errors.contains(culprit), "\(process.errors)") }
        }
        let model = ["--model", world.path("model")]
        for bound in ["0", "-0.5", "1.5", "nan"] {
            try refused(["predict", "--text", "cod", "--abstain-below", bound] + model, ["--abstain-below is"])
        }
        try world.writeModules()
        try refused(
            ["predict", "--text", "cod", "--text-pair", "eel", "--abstain-below", "0.5"] + model,
            ["--abstain-below", "embedding"])
        try world.write("pairs.csv", "text,text_pair,score\ncod,eel,0.5\nfig,plum,0.25\n")
        try refused(
            ["evaluate", "--data", world.path("pairs.csv"), "--abstain-below", "0.5"] + model,
            ["--abstain-below", "embedding"])
    }
}
