import Foundation

/// What an evaluation has found of some examples in a row: their losses, and what the head counts.
///
/// The losses are kept one by one, and added from the first to the last once all are there: however parts are merged,
/// as long as their order is that of the examples, the mean has the same bits.
public struct EvaluationPart: Sendable {
    /// The loss of each example, in order. One whose outputs are not finite has a loss that is not.
    public private(set) var losses: [Double]
    /// What the head counts.
    public private(set) var metrics: any MetricAccumulator

    /// A part of these; see ``init(losses:json:head:)`` for what comes from outside.
    public init(losses: [Double], metrics: any MetricAccumulator) {
        self.losses = losses
        self.metrics = metrics
    }

    /// Of no examples yet.
    public init(_ head: any Head) { self.init(losses: [], metrics: head.makeMetrics()) }

    /// Adds the outputs of a batch with its targets, which must be valid for `model`.
    public mutating func add(_ outputs: OutputRows, _ targets: Targets, of model: ModelSpecification) {
        losses += model.objective.losses(outputs, targets)
        metrics.add(outputs, targets)
    }

    /// Adds the part that follows, which must be of the same head.
    public mutating func merge(_ next: EvaluationPart) {
        losses += next.losses
        metrics.merge(erased: next.metrics)
    }

    /// Whether every example has a finite loss.
    public var isFinite: Bool { losses.allSatisfy(\.isFinite) }

    /// What was found in all.
    public func report(labels: [String]) -> MetricReport {
        let sum = losses.reduce(0, +)
        return metrics.report(
            examples: losses.count, loss: losses.isEmpty ? 0 : sum / Double(losses.count), labels: labels)
    }
}

/// The form in which the counts travel to the coordinator.
extension EvaluationPart {
    /// The counts as JSON.
    public func metricsJSON() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Accumulators have finite numbers only; what is empty is refused by the reader.
        guard let data = try? encoder.encode(metrics) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads what another process has counted over as many examples as there are losses.
    ///
    /// - Throws: `ModelError.invalidBatch` where `head` cannot have counted that.
    public init(losses: [Double], json: String, head: any Head) throws(ModelError) {
        self.init(losses: losses, metrics: try head.makeMetrics().read(json, examples: losses.count))
    }
}

extension MetricAccumulator {
    fileprivate mutating func merge(erased next: any MetricAccumulator) {
        guard let next = next as? Self else { preconditionFailure("metrics of one head are merged") }
        merge(next)
    }

    /// Another one of this kind from JSON; `self` is an empty one of the same head.
    fileprivate func read(_ json: String, examples: Int) throws(ModelError) -> Self {
        let value: Self
        do { value = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) } catch {
            throw .invalidBatch("counts of an evaluation that cannot be read")
        }
        try value.validate(examples: examples, like: self)
        return value
    }
}
