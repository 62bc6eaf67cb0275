import Foundation
import Testing

@testable import Tagging

/// The other one is that of Swift Testing.
private typealias Tag = Tagging.Tag

/// Scores against those of `seqeval`, for random tags made by Fixtures/generate_seqeval.py.
@Suite struct SeqevalTests {
    struct Scores: Decodable {
        struct Row: Decodable {
            var type: String
            var numbers: [Double]

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                type = try list.decode(String.self)
                numbers = []
                while !list.isAtEnd { numbers.append(try list.decode(Double.self)) }
            }
        }
        var micro, macro: [Double]
        var types: [Row]
    }

    struct Case: Decodable {
        var scheme: String
        var truth, found: [[String]]
        var accuracy: Double
        var `default`: Scores
        var strict: Scores?
    }

    /// `SHOAL_SEQEVAL` names a file with more of them.
    private static func cases() throws -> [Substring] {
        let more = ProcessInfo.processInfo.environment["SHOAL_SEQEVAL"]
        let own = Bundle.module.resourceURL?.appendingPathComponent("Fixtures/seqeval.jsonl").path
        return try String(contentsOfFile: try #require(more ?? own), encoding: .utf8).split(separator: "\n")
    }

    private func differs(_ found: SpanScores, _ expected: Scores) -> Bool {
        func differs(_ score: SpanScores.Score, _ numbers: [Double]) -> Bool {
            zip([score.precision, score.recall, score.f1, Double(score.support)], numbers).contains {
                abs($0 - $1) > 1e-12
            }
        }
        return differs(found.micro, expected.micro) || differs(found.macro, expected.macro)
            || found.byType.map(\.type) != expected.types.map(\.type)
            || zip(found.byType, expected.types).contains { differs($0.score, $1.numbers) }
    }

    @Test func `scores are those of seqeval, by default and strict`() throws {
        let decoder = JSONDecoder()
        var (count, strict) = (0, 0)
        for line in try Self.cases() {
            let one = try decoder.decode(Case.self, from: Data(line.utf8))
            func tags(_ sentences: [[String]], _ make: (String) -> Tagging.Tag) -> [[Tag]] {
                sentences.map { $0.map(make) }
            }
            let lenient = SpanScores.lenient(
                truth: tags(one.truth) { Tag($0) }, found: tags(one.found) { Tag($0) })
            if differs(lenient, one.default) { Issue.record("default: \(line)") }
            count += 1
            guard let expected = one.strict, let scheme = TagScheme(rawValue: one.scheme) else { continue }
            let exact = SpanScores.strict(
                truth: tags(one.truth, scheme.strictTag), found: tags(one.found, scheme.strictTag), scheme: scheme)
            if differs(exact, expected) { Issue.record("strict: \(line)") }
            strict += 1
        }
        #expect(count >= 160 && strict * 5 == count * 4)
    }
}
