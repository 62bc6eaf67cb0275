import Foundation
import Testing

/// Out-of-scope scores of a classifier that a run has made.
@Suite(.serialized) struct OutOfScopeRunTests {
    private func objects(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    @Test func `predictions tell how far texts are, and abstain where that is too far`() throws {
        let world = try TinyWorld()
        func run(_ arguments: [String]) throws -> ShoalProcess {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            try #require(code == 0, "\(process.errors)")
            return process
        }
        _ = try run([
            "train", "--method", "probe", "--model", world.path("model"), "--train", world.path("train.csv"),
            "--output",
            world.path("run"),
        ])
        let predict = ["predict", "--model", world.path("run/model"), world.path("test.csv")]
        let plain = try objects(try run(predict).output)
        let scores = plain.compactMap { $0["out_of_scope"] as? Double }
        #expect(plain.count == 30 && scores.count == 30 && plain.allSatisfy { $0["label"] is String })
        #expect(scores.count { $0 <= 1 } > 20 && Set(scores).count > 20, "\(scores)")
        let process = try run(predict + ["--abstain-out-of-scope"])
        let answers = try objects(process.output)
        for (answer, before) in zip(answers, plain) {
            #expect(answer["out_of_scope"] as? Double == before["out_of_scope"] as? Double)
            if (before["out_of_scope"] as? Double ?? 0) > 1 {
                #expect(answer["label"] is NSNull)
            } else {
                #expect(answer["label"] as? String == before["label"] as? String)
            }
        }
        let above = scores.count { $0 > 1 }
        #expect(process.errors.contains("abstained from \(above) of 30 texts"), "\(process.errors)")
        let evaluated = try objects(
            try run([
                "evaluate", "--model", world.path("run/model"), "--data", world.path("test.csv"), "--json",
                "--abstain-out-of-scope",
            ]).output)
        #expect(evaluated.first?["coverage"] as? Double == Double(30 - above) / 30)
        let kept = try run([
            "evaluate", "--model", world.path("run/model"), "--data", world.path("test.csv"), "--json",
        ])
        #expect(try objects(kept.output).first?["accuracy"] as? Double == evaluated.first?["accuracy"] as? Double)

        // What says nothing of it is refused.
        _ = try run([
            "train", "--method", "probe", "--model", world.path("model"), "--train", world.path("train.csv"),
            "--shots", "2", "--output", world.path("few"),
        ])
        let few = ["predict", "--model", world.path("few/model"), world.path("test.csv")]
        #expect(try objects(try run(few).output).allSatisfy { $0["out_of_scope"] == nil && $0["label"] is String })
        let (code, refused) = try ShoalProcess.run(few + ["--abstain-out-of-scope"], in: world.folder)
        #expect(code == 64 && refused.errors.contains("--abstain-out-of-scope: the model"), "\(refused.errors)")
        #expect(refused.output.isEmpty)
    }
}
