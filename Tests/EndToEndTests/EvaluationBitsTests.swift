import Foundation
import Testing

/// What real workers count.
@Suite(.serialized) struct EvaluationBitsTests {
    @Test func `evaluations of 1, 2, 3 and 7 workers give the same report, and evaluate gives the same`() throws {
        let world = try TinyWorld()
        /// All but times, as text: numbers that differ in a bit differ there.
        func text(_ object: [String: Any]) throws -> String {
            let timeless = object.filter { !["seconds", "examples_per_second"].contains($0.key) }
            return String(
                decoding: try JSONSerialization.data(withJSONObject: timeless, options: .sortedKeys), as: UTF8.self)
        }
        var reports: [[String]] = []
        for workers in [1, 2, 3, 7] {
            let name = "w\(workers)"
            let more = ["--validation", world.path("validation.csv"), "--epochs", "2"]
            let run = try ShoalProcess.run(
                world.train(name, more + ["--workers", "\(workers)"]), in: world.folder)
            try #require(run.code == 0, "\(run.process.errors)")
            let lines = try world.jsonLines("\(name)/metrics.jsonl").filter { $0["evaluation"] != nil }
            let result = try world.json("\(name)/result.json")
            reports.append(
                try lines.map(text) + [
                    text(result["test"] as? [String: Any] ?? [:]),
                    text(result["best_validation"] as? [String: Any] ?? [:]),
                ])
        }
        #expect(reports[0].count == 5 && reports[0][0].contains("macro_f1"), "\(reports[0])")
        #expect(reports.allSatisfy { $0 == reports[0] }, "\(reports)")
        let evaluated = try ShoalProcess.run(
            ["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv"), "--json"],
            in: world.folder)
        let test = try world.json("w1/result.json")["test"] as? [String: Any]
        let found = try JSONSerialization.jsonObject(with: Data(evaluated.process.output.utf8)) as? [String: Any]
        #expect(found?["accuracy"] as? Double == test?["accuracy"] as? Double)
        #expect(found?["macro_f1"] as? Double == test?["macro_f1"] as? Double)
    }
}
