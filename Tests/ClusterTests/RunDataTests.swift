import Corpus
import Foundation
import Testing

@testable import Cluster

@Suite struct RunDataTests {
    private let folder = NSTemporaryDirectory() + "shoal-data-\(UUID().uuidString.prefix(8))"

    private func file(_ name: String, _ counts: [(String, Int)]) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let rows = counts.flatMap { label, count in (0..<count).map { "\(label) \(name) \($0),\(label)\n" } }
        try Data(("text,label\n" + rows.joined()).utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        return "\(folder)/\(name)"
    }

    private func run(_ counts: [(String, Int)], test: [(String, Int)]? = nil) throws -> RunConfiguration {
        var run = RunConfiguration(model: "m", train: try file("train.csv", counts), output: "o")
        run.test = try test.map { try file("test.csv", $0) }
        return run
    }

    @Test func `classes with one example are trained on`() throws {
        let data = try RunData(run([("a", 4), ("b", 4), ("r", 1)]))
        #expect(data.training.labels == ["a", "b", "r"])
        try? FileManager.default.removeItem(atPath: folder)
    }

    @Test func `rare classes are dropped where that is asked for, from the test set too`() throws {
        var run = try run([("a", 4), ("b", 4), ("r", 1), ("s", 1)], test: [("a", 2), ("r", 3)])
        run.dropRareClasses = true
        let data = try RunData(run)
        #expect(data.training.labels == ["a", "b"] && data.training.examples.count == 8)
        #expect(data.test?.labels == ["a", "b"] && data.test?.examples.count == 2)
        #expect(data.notices.count == 1)
        #expect(
            data.notices[0].contains("r 1, s 1") && data.notices[0].contains("3 of the test set"), "\(data.notices)")
        try? FileManager.default.removeItem(atPath: folder)
    }

    @Test func `with shots, classes that have fewer are dropped, or named`() throws {
        var run = try run([("a", 9), ("b", 9), ("r", 4)])
        run.shots = 5
        let all = try RunData(run)
        #expect(all.training.classCounts == [5, 5, 4])
        #expect(all.warnings.count == 1 && all.warnings[0].contains("r 4"))
        run.dropRareClasses = true
        #expect(try RunData(run).training.classCounts == [5, 5])
        run.shots = 1
        #expect(try RunData(run).training.classCounts == [1, 1, 1])
        try? FileManager.default.removeItem(atPath: folder)
    }

    @Test func `where too little is left, that is said`() throws {
        var one = try run([("a", 4), ("r", 1)])
        one.dropRareClasses = true
        #expect { _ = try RunData(one) } throws: { "\($0)".contains("only 1 have 2 examples") }
        var none = try run([("a", 4), ("b", 4), ("r", 1)], test: [("r", 2)])
        none.dropRareClasses = true
        #expect { _ = try RunData(none) } throws: { "\($0)".contains("leaves no example of") }
        try? FileManager.default.removeItem(atPath: folder)
    }
}
