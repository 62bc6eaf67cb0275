import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// What is counted in an evaluation, merged and sent.
@Suite struct MetricAccumulatorTests {
    private static let classifier = ModelConfiguration.tiny().classifier()
    private static let toy = ModelSpecification(
        encoder: ModelConfiguration.tiny().encoder, head: ToyHead(classes: 3), objective: ToyObjective(factor: 2))

    /// The outputs of example `index`, and its class.
    private static func example(_ index: Int) -> (outputs: [Float], label: Int32) {
        ((0..<3).map { Float((index * 17 + $0 * 29) % 31) / 7 - 2 }, Int32(index * 5 % 3))
    }

    private static func part(_ examples: Range<Int>, _ model: ModelSpecification) -> EvaluationPart {
        var part = EvaluationPart(model.head)
        let outputs = examples.flatMap { example($0).outputs }
        outputs.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            part.add(
                EvaluatedBatch(
                    OutputRows(start, rows: examples.count, width: 3), .classes(examples.map { example($0).label })),
                of: model)
        }
        return part
    }

    private static func bits(_ report: MetricReport) -> [UInt64] {
        (report.values.map(\.value) + [report.loss, report.primary.value]).map(\.bitPattern)
    }

    @Test func `parts that are merged in order equal everything counted at once, to the last bit`() {
        let labels = ["a", "b", "c"]
        let whole = Self.part(0..<100, Self.classifier).report(labels: labels)
        #expect(whole.examples == 100 && whole.loss > 0 && whole.primary.value > 0 && whole.primary.value < 1)
        for size in [1, 3, 7, 64, 100] {
            var all = EvaluationPart(Self.classifier.head)
            for start in stride(from: 0, to: 100, by: size) {
                all.merge(Self.part(start..<min(start + size, 100), Self.classifier))
            }
            #expect(all.report(labels: labels) == whole)
            #expect(Self.bits(all.report(labels: labels)) == Self.bits(whole))
        }
        // Parts of parts too: losses are added once all are there.
        var left = Self.part(0..<10, Self.classifier)
        var right = Self.part(10..<50, Self.classifier)
        right.merge(Self.part(50..<100, Self.classifier))
        left.merge(right)
        #expect(Self.bits(left.report(labels: labels)) == Self.bits(whole))
    }

    @Test func `what is sent is what was counted`() throws {
        for model in [Self.classifier, Self.toy] {
            let part = Self.part(0..<50, model)
            let read = try EvaluationPart(losses: part.losses, json: part.metricsJSON(), head: model.head)
            #expect(
                Self.bits(read.report(labels: ["a", "b", "c"])) == Self.bits(part.report(labels: ["a", "b", "c"])))
            #expect(read.metricsJSON() == part.metricsJSON())
        }
        let json = Self.part(0..<4, Self.classifier).metricsJSON()
        #expect(json.hasSuffix(#""classes":3,"counts":[0,0,1,0,1,1,1,2,1,2,0,1]}"#), "\(json)")
        #expect(json.hasPrefix(#"{"calibration":["#), "\(json)")
    }

    @Test func `a new metric takes one file, and the head that brings it decides what is best`() {
        let report = Self.part(0..<9, Self.toy).report(labels: [])
        let distances = (0..<9).map { abs(Double(Self.example($0).outputs[Int(Self.example($0).label)]) - 1) }
        #expect(report.primary == Metric(ToyMetric.primary, distances.reduce(0, +) / 9))
        #expect(report.values == [report.primary] && report.details == nil)
        #expect(Self.toy.head.primaryMetric == ToyMetric.primary && Metric(ToyMetric.primary, 2).merit == -2)
        #expect(Self.classifier.head.primaryMetric.key == "accuracy")
        // The loss is that of its objective, example by example.
        #expect(
            abs(
                report.loss - (0..<9).reduce(0.0) { sum, i in
                    let (outputs, label) = Self.example(i)
                    return sum
                        + outputs.enumerated().reduce(0) { $0 + pow(Double($1.1) - ($1.0 == Int(label) ? 1 : 0), 2) }
                } / 9) < 1e-12)
    }

    /// Four predictions, one of them right, in one bin.
    private static let bins = #""calibration":[9,4,1,11166914969]"#

    @Test(arguments: [
        "", "null", "{", #"{"classes":3}"#, #"{"classes":3,"counts":[]}"#, #"{"classes":3,"counts":[0,0,5]}"#,
        #"{"classes":2,"counts":[0,0,4]}"#, #"{"classes":0,"counts":[]}"#, #"{"classes":-3,"counts":[0,0,4]}"#,
        #"{"classes":9223372036854775807,"counts":[0,0,4]}"#, #"{"classes":3,"counts":[0,0]}"#,
        #"{"classes":3,"counts":[0,0,5,0,1,-1]}"#, #"{"classes":3,"counts":[0,0,4,0,1,0]}"#,
        #"{"classes":3,"counts":[0,0,2,0,0,2]}"#, #"{"classes":3,"counts":[1,0,2,0,0,2]}"#,
        #"{"classes":3,"counts":[0,3,4]}"#, #"{"classes":3,"counts":[3,0,4]}"#, #"{"classes":3,"counts":[-1,0,4]}"#,
        #"{"classes":3,"counts":[0,0,1.5,1,1,2.5]}"#, #"{"classes":3,"counts":[0,0,1e400]}"#,
        #"{"classes":3,"counts":[0,0,"NaN"]}"#,
        #"{"classes":3,"counts":[0,0,9223372036854775807,0,1,9223372036854775807,0,2,6]}"#,
        #"{"classes":3,"counts":[0,0,1,2,1,3]}"#,
    ])
    func `counts that cannot be are refused`(json: String) {
        let losses = [1.0, 2, 3, 4]
        for json in [json, json.replacing("{", with: "{" + Self.bins + ",", maxReplacements: 1)]
        where json != Self.good {
            #expect(throws: ModelError.self) {
                try EvaluationPart(losses: losses, json: json, head: Self.classifier.head)
            }
        }
        #expect(throws: Never.self) {
            try EvaluationPart(losses: losses, json: Self.good, head: Self.classifier.head)
        }
    }

    private static let good = "{" + bins + #","classes":3,"counts":[0,0,1,2,1,3]}"#

    @Test(arguments: [
        "[]", "[9,4,1]", "[9,4,2,11166914969]", "[9,3,1,8166914969]", "[15,4,1,11166914969]", "[-1,4,1,0]",
        "[9,2,1,5583457484,9,2,0,5583457484]", "[10,2,1,6083457484,9,2,0,5583457484]", "[9,4,5,11166914969]",
        "[9,4,-1,11166914969]", "[9,4,1,-1]", "[9,4,1,10307921511]", "[9,4,1,11453246124]", "[9,0,0,0]",
        "[9,4,1,2.5]", "[0,9223372036854775807,1,0,9,9223372036854775807,0,5583457484]", "[9,4,1,9223372036854775807]",
    ])
    func `confidences that cannot be are refused`(numbers: String) {
        let json = Self.good.replacing("[9,4,1,11166914969]", with: numbers)
        #expect(throws: ModelError.self) {
            try EvaluationPart(losses: [1, 2, 3, 4], json: json, head: Self.classifier.head)
        }
    }

    @Test(arguments: 0..<4) func `mutated counts are refused, or are counts of so many examples`(seed: Int) {
        var random = PhiloxStream(seed: UInt64(seed), purpose: .shuffle)
        let part = Self.part(0..<40, Self.classifier)
        let bytes = Array(part.metricsJSON().utf8)
        var accepted = 0
        for _ in 0..<2000 {
            var text = bytes
            for _ in 0...random.next(below: 2) {
                text[random.next(below: text.count)] = UInt8(32 + random.next(below: 95))
            }
            let json = String(decoding: text, as: UTF8.self)
            guard let read = try? EvaluationPart(losses: part.losses, json: json, head: Self.classifier.head) else {
                continue
            }
            accepted += 1
            let report = read.report(labels: ["a", "b", "c"])
            guard case .classes(let perClass, _) = report.details else { continue }
            #expect(perClass.reduce(0) { $0 + $1.support } == 40 && (0...1).contains(report.primary.value))
        }
        #expect(accepted < 2000)
    }

    @Test func `an output that is not finite shows in the loss of its example alone`() {
        for bad in [Float.nan, .infinity, -.infinity] {
            let outputs: [Float] = [0, 1, 0, 0, bad, 1]
            let losses = outputs.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map {
                    CrossEntropy(labelSmoothing: 0.1).losses(
                        OutputRows($0, rows: 2, width: 3), .classes([1, 2]))
                } ?? []
            }
            #expect(losses.map(\.isFinite) == [true, false])
            // Label smoothing is for training alone.
            #expect(losses[0] == outputs[0..<3].withUnsafeBufferPointer { CrossEntropy.loss($0, label: 1) })
        }
    }
}
