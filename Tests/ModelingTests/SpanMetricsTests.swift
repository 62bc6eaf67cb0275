import Foundation
import Testing

@testable import Modeling

@Suite struct SpanMetricsTests {
    private static let labels = ["O", "B-A", "I-A", "B-B", "I-B"]
    private let head = TokenClassification(labels: 5, dropout: 0)

    /// What is counted of sentences, of which each word has a true and a found tag.
    private func part(_ sentences: [[(Int32, Int32)]]) -> EvaluationPart {
        var values: [Float] = []
        var offsets = [0]
        for sentence in sentences {
            for (_, found) in sentence { values += (0..<5).map { $0 == Int(found) ? 4 : 0 } }
            offsets.append(values.count / 5)
        }
        let truth = sentences.flatMap { $0.map(\.0) }
        var part = EvaluationPart(head)
        let model = ModelSpecification(
            encoder: ModelConfiguration.tiny(labels: Self.labels).encoder, head: head, objective: CrossEntropy())
        values.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            part.add(
                EvaluatedBatch(
                    OutputRows(start, rows: truth.count, width: 5), .tokens(truth), rowOffsets: offsets), of: model)
        }
        return part
    }

    private func value(_ report: MetricReport, _ key: String) -> Double {
        report.values.first { $0.kind.key == key }?.value ?? .nan
    }

    @Test func `spans are counted by default and strictly, words by their tags`() {
        // B-A I-A O, found O I-A O: a span by default, of one word, and none strictly; and a B that is right.
        let report = part([[(1, 0), (2, 2), (0, 0)], [(3, 3), (0, 0)]]).report(labels: Self.labels)
        #expect(value(report, "precision") == 0.5 && value(report, "recall") == 0.5 && value(report, "f1") == 0.5)
        #expect(value(report, "strict_precision") == 1 && value(report, "strict_recall") == 0.5)
        #expect(abs(value(report, "strict_f1") - 2.0 / 3) < 1e-12)
        #expect(value(report, "token_accuracy") == 0.8 && value(report, "macro_f1") == 0.5)
        #expect(report.primary.kind.key == "f1" && report.examples == 2)
        guard case .labels(let types) = report.details else {
            Issue.record("no details")
            return
        }
        #expect(types.map(\.label) == ["A", "B"] && types.map(\.f1) == [0, 1] && types.map(\.support) == [1, 1])
    }

    @Test func `tags that the model does not have are spans that it missed, without a loss`() throws {
        // As seqeval has it: A found, Z (two words) and Q missed.
        let unknown = part([[(1, 1), (2, 2), (-2, 0), (-3, 1)], [(-4, 0), (0, 0)]])
        let report = unknown.report(labels: Self.labels + ["B-Z", "I-Z", "B-Q"])
        #expect(value(report, "precision") == 0.5 && abs(value(report, "recall") - 1.0 / 3) < 1e-12)
        #expect(abs(value(report, "strict_recall") - 1.0 / 3) < 1e-12 && value(report, "token_accuracy") == 0.5)
        guard case .labels(let types) = report.details else {
            Issue.record("no details")
            return
        }
        #expect(types.map(\.label) == ["A", "Q", "Z"] && types.map(\.support) == [1, 1, 1])
        let others = part([[(1, 1), (2, 2), (0, 0)]]).report(labels: Self.labels)
        #expect(unknown.targetCounts == [2, 1] && report.loss == others.loss)
        // They travel, and no more of them than there may be.
        let json = unknown.metricsJSON()
        #expect(
            try EvaluationPart(losses: [0, 0], targetCounts: [2, 1], json: json, head: head)
                .report(labels: Self.labels).values.count == report.values.count)
        #expect(throws: ModelError.self) {
            try EvaluationPart(losses: [0, 0], json: json.replacing("-4,", with: "-100,"), head: head)
        }
        try head.validate(.tokens([1, -2, -99]))
        #expect(throws: ModelError.self) { try head.validate(.tokens([1, -100])) }
        #expect(Targets.tokens([1, -1]).hasUnknownTags == false && Targets.tokens([-2]).hasUnknownTags)
        #expect([0, 4, 5, 102, 103].map { Target.tag($0, of: 5) } == [0, 4, -2, -99, -99])
    }

    @Test func `windows of a sentence are put together before spans are counted`() {
        var parts = part([[(0, 0), (1, 1)], [(2, 2), (0, 0)], [(3, 3)]])
        let apart = parts.report(labels: Self.labels)
        parts.join([false, true, false])
        let joined = parts.report(labels: Self.labels)
        #expect(apart.examples == 3 && joined.examples == 2 && parts.losses.count == 2)
        #expect(parts.targetCounts == [4, 1])
        #expect(abs(joined.loss - apart.loss) < 1e-12)
        func support(_ report: MetricReport) -> Int {
            guard case .labels(let types) = report.details else { return -1 }
            return types.reduce(0) { $0 + $1.support }
        }
        #expect(support(apart) == 3 && support(joined) == 2 && value(joined, "f1") == 1)
    }

    @Test func `counts travel as JSON within their bound, and what cannot be is refused`() throws {
        var whole = part([[(0, 0), (1, 4)]])
        let next = part([[(2, 2)], [(4, 0), (0, 3), (0, 0)]])
        let json = next.metricsJSON()
        #expect(json.utf8.count < 2 * head.metricBytes(maxLength: 8))
        whole.merge(
            try EvaluationPart(losses: next.losses, targetCounts: next.targetCounts, json: json, head: head))
        let direct = part([[(0, 0), (1, 4)], [(2, 2)], [(4, 0), (0, 3), (0, 0)]])
        #expect(whole.report(labels: Self.labels) == direct.report(labels: Self.labels))
        for (good, bad) in [
            ("\"labels\":5", "\"labels\":6"), ("\"lengths\":[1,3]", "\"lengths\":[3,-1]"),
            ("\"lengths\":[1,3]", "\"lengths\":[9223372036854775807,3]"), ("\"lengths\":[1,3]", "\"lengths\":[4]"),
            ("\"predictions\":[2,", "\"predictions\":[5,"), ("\"truths\":[2,", "\"truths\":[-1,"),
            ("\"truths\":[2,", "\"truths\":["),
        ] {
            #expect(json.contains(good), "\(json)")
            #expect(throws: ModelError.self) {
                try EvaluationPart(
                    losses: [0, 0], targetCounts: [1, 3], json: json.replacing(good, with: bad), head: head)
            }
        }
    }
}
