@testable import Modeling

/// A metric of a kind that the program does not have, of which less is better and whose sum depends on the order: the
/// mean distance of the right class's output to 1. All that a new metric needs is this file and its line in the head.
struct ToyMetric: MetricAccumulator {
    static let primary = MetricKind(key: "mean_distance", title: "mean distance", isHigherBetter: false)

    private var sum = 0.0
    private var count = 0

    mutating func add(_ batch: EvaluatedBatch) {
        guard case .classes(let labels) = batch.targets else { return }
        for (row, label) in labels.enumerated() { sum += abs(Double(batch.outputs.row(row)[Int(label)]) - 1) }
        count += labels.count
    }

    mutating func merge(_ other: ToyMetric) {
        sum += other.sum
        count += other.count
    }

    func validate(examples: Int, like empty: ToyMetric) throws(ModelError) {
        guard count == examples, sum.isFinite, (0...1e100).contains(sum) else {
            throw .invalidBatch("distances that cannot be")
        }
    }

    func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        MetricReport(
            examples: examples, loss: loss, values: [Metric(Self.primary, count == 0 ? 0 : sum / Double(count))],
            primary: Self.primary)
    }
}
