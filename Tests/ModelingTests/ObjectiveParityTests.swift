import Foundation
import TestSupport
import Testing

@testable import Modeling

/// Objectives and metrics against PyTorch, scikit-learn and SciPy: Fixtures/generate_objectives.py.
@Suite struct ObjectiveParityTests {
    private struct Cases: Decodable {
        var multi_label: [Case]
        var regression: [Case]
    }

    private struct Case: Decodable {
        var rows: Int
        var width: Int
        var outputs: [Float]
        var targets: [Float]
        var loss: Double
        var gradient: [Float]
        var f1: [String: [Double]]?
        var average_precision: Double?
        var best_macro_f1: Double?
        var spearman: Double?
        var pearson: Double?
        var mae: Double?
        var mse: Double?
    }

    private static func cases() throws -> Cases {
        let url = try #require(
            Bundle.module.url(forResource: "objectives", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode(Cases.self, from: Data(contentsOf: url))
    }

    /// The mean loss and its gradient, as PyTorch has them.
    private func mean(_ objective: any Objective, _ test: Case) -> (loss: Double, gradient: [Float]) {
        var values = test.outputs
        var gradient = [Float](repeating: .nan, count: values.count)
        let targets = Targets.values(test.targets, width: test.width)
        let divisor = objective.weight(of: targets)
        let sum = values.withUnsafeMutableBufferPointer { values in
            gradient.withUnsafeMutableBufferPointer { gradient -> Double in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return .nan }
                return objective.evaluate(
                    Outputs(values: values, gradient: gradient, rows: test.rows, width: test.width), targets,
                    withGradient: true)
            }
        }
        return (sum / divisor, gradient.map { $0 / Float(divisor) })
    }

    private func report(_ head: any Head, _ objective: any Objective, _ test: Case, parts: Int) -> MetricReport {
        let model = ModelSpecification(encoder: ModelConfiguration.tiny().encoder, head: head, objective: objective)
        var all = EvaluationPart(head)
        for start in stride(from: 0, to: test.rows, by: parts) {
            let rows = start..<min(start + parts, test.rows)
            let places = rows.lowerBound * test.width..<rows.upperBound * test.width
            var part = EvaluationPart(head)
            Array(test.outputs[places]).withUnsafeBufferPointer {
                guard let start = $0.baseAddress else { return }
                part.add(
                    EvaluatedBatch(
                        OutputRows(start, rows: rows.count, width: test.width),
                        .values(Array(test.targets[places]), width: test.width)),
                    of: model)
            }
            // As it travels.
            guard let read = try? EvaluationPart(losses: part.losses, json: part.metricsJSON(), head: head) else {
                Issue.record("counts that cannot be read")
                continue
            }
            all.merge(read)
        }
        return all.report(labels: (0..<test.width).map { "label \($0)" })
    }

    @Test func `losses and gradients are those of PyTorch`() throws {
        let cases = try Self.cases()
        for (objective, tests) in [
            (BinaryCrossEntropy() as any Objective, cases.multi_label), (MeanSquaredError(), cases.regression),
        ] {
            #expect(tests.count == 2)
            for test in tests {
                let found = mean(objective, test)
                #expect(abs(found.loss - test.loss) < 1e-6)
                #expect(zip(found.gradient, test.gradient).allSatisfy { abs($0 - $1) < 1e-7 })
            }
        }
    }

    @Test(arguments: [1, 4, 100])
    func `metrics of several labels are those of scikit-learn, however examples are split`(parts: Int) throws {
        for test in try Self.cases().multi_label {
            for (threshold, f1) in try #require(test.f1) {
                var metrics = MultiLabelMetrics(labels: test.width, threshold: Double(threshold))
                test.outputs.withUnsafeBufferPointer {
                    guard let start = $0.baseAddress else { return }
                    metrics.add(
                        EvaluatedBatch(
                            OutputRows(start, rows: test.rows, width: test.width),
                            .values(test.targets, width: test.width)))
                }
                let values = metrics.report(examples: test.rows, loss: 0, labels: []).values
                #expect(values.map(\.kind.key).prefix(3) == ["macro_f1", "micro_f1", "sample_f1"])
                #expect(zip(values, f1).allSatisfy { abs($0.value - $1) < 1e-12 }, "\(values) \(f1)")
            }
            let head = SequenceClassification(labels: test.width, dropout: 0, problem: .multiLabel)
            let found = report(head, BinaryCrossEntropy(), test, parts: parts)
            #expect(abs(found.loss - test.loss) < 1e-6)
            #expect(
                found.primary.kind.key == "macro_f1" && abs(found.primary.value - (test.best_macro_f1 ?? 2)) < 1e-12)
            #expect(abs(found.values[3].value - (test.average_precision ?? 2)) < 1e-12)
        }
    }

    @Test(arguments: [1, 4, 100])
    func `correlations and errors are those of SciPy, however examples are split`(parts: Int) throws {
        for test in try Self.cases().regression {
            let head = SequenceClassification(labels: test.width, dropout: 0, problem: .regression)
            let values = report(head, MeanSquaredError(), test, parts: parts).values.map(\.value)
            let expected = [test.spearman, test.pearson, test.mae, test.mse].map { $0 ?? .nan }
            #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-12 }, "\(values) \(expected)")
        }
    }

    @Test func `scores take no more bytes than they are said to`() {
        for problem in [ProblemType.multiLabel, .regression] {
            let (rows, width) = (16, 300)
            let head = SequenceClassification(labels: width, dropout: 0, problem: problem)
            let model = ModelSpecification(
                encoder: ModelConfiguration.tiny().encoder, head: head,
                objective: problem == .regression ? MeanSquaredError() : BinaryCrossEntropy())
            var part = EvaluationPart(head)
            let outputs = (0..<rows * width).map { -1.2345678e-12 * Float($0 % 97 + 1) }
            let targets = outputs.map { problem == .multiLabel ? 1 : $0 }
            outputs.withUnsafeBufferPointer {
                guard let start = $0.baseAddress else { return }
                part.add(
                    EvaluatedBatch(OutputRows(start, rows: rows, width: width), .values(targets, width: width)),
                    of: model)
            }
            let bytes = part.metricsJSON().utf8.count
            #expect(bytes > rows * width * 10 && bytes < rows * head.metricBytes(maxLength: 8), "\(problem) \(bytes)")
        }
    }

    @Test func `counts of other labels, or of other examples, are refused`() throws {
        let head = SequenceClassification(labels: 2, dropout: 0, problem: .multiLabel)
        for json in [
            #"{"labels":3,"scores":[1,2,3],"truths":[0]}"#, #"{"labels":2,"scores":[1],"truths":[]}"#,
            #"{"labels":2,"scores":[1,2],"truths":[2]}"#, #"{"labels":2,"scores":[1,2],"truths":[1,0]}"#,
            #"{"labels":2,"scores":[1,2,3,4],"truths":[]}"#,
            #"{"labels":2,"scores":[1,2],"truths":[],"threshold":0.5}"#,
        ] {
            #expect(throws: ModelError.self) { try EvaluationPart(losses: [1], json: json, head: head) }
        }
        #expect(throws: Never.self) {
            try EvaluationPart(losses: [1], json: #"{"labels":2,"scores":[1,2],"truths":[1]}"#, head: head)
        }
        let numbers = SequenceClassification(labels: 1, dropout: 0, problem: .regression)
        for json in [
            #"{"values":2,"predictions":[1,2],"truths":[1,2]}"#, #"{"values":1,"predictions":[1,2],"truths":[1]}"#,
            #"{"values":1,"predictions":[],"truths":[]}"#,
        ] {
            #expect(throws: ModelError.self) { try EvaluationPart(losses: [1], json: json, head: numbers) }
        }
    }
}
