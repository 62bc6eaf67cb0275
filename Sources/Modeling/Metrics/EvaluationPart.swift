import Foundation

/// What an evaluation has found of some examples in a row: their losses, and what the head counts.
///
/// The losses are kept one by one, and added from the first to the last once all are there: however parts are merged,
/// as long as their order is that of the examples, the mean has the same bits.
public struct EvaluationPart: Sendable {
    /// The summed loss of the targets of each example, in order. One whose outputs are not finite has a loss that is
    /// not.
    public private(set) var losses: [Double]
    /// How many targets each example has: 1, or as many as tokens of which something is to be learnt.
    public private(set) var targetCounts: [Int]
    /// What the head counts.
    public private(set) var metrics: any MetricAccumulator

    /// A part of these; see ``init(losses:targetCounts:json:head:)`` for what comes from outside.
    ///
    /// - Parameter targetCounts: Nil for one target of each example.
    public init(losses: [Double], targetCounts: [Int]? = nil, metrics: any MetricAccumulator) {
        self.losses = losses
        self.targetCounts = targetCounts ?? losses.map { _ in 1 }
        self.metrics = metrics
    }

    /// Of no examples yet.
    public init(_ head: any Head) { self.init(losses: [], metrics: head.makeMetrics()) }

    /// Adds the outputs of a batch with its targets, which must be valid for `model`.
    public mutating func add(_ batch: EvaluatedBatch, of model: ModelSpecification) {
        let rowLosses = model.objective.losses(batch.outputs, batch.targets)
        for example in 0..<batch.exampleCount {
            var (sum, count) = (0.0, 0)
            for row in batch.rows(of: example) where rowLosses.indices.contains(row) {
                guard batch.isTarget(row) else { continue }
                sum += rowLosses[row]
                count += 1
            }
            losses.append(sum)
            targetCounts.append(count)
        }
        metrics.add(batch)
    }

    /// Adds the part that follows, which must be of the same head.
    public mutating func merge(_ next: EvaluationPart) {
        losses += next.losses
        targetCounts += next.targetCounts
        metrics.merge(erased: next.metrics)
    }

    /// Puts together the examples that go on with the text of the one before: they count as one.
    ///
    /// - Parameter continues: For each example, in order, whether it does; nil where none does.
    public mutating func join(_ continues: [Bool]?) {
        guard let continues, continues.count == losses.count else { return }
        var (sums, counts): ([Double], [Int]) = ([], [])
        for (example, goesOn) in continues.enumerated() {
            if goesOn, !sums.isEmpty {
                sums[sums.count - 1] += losses[example]
                counts[counts.count - 1] += targetCounts[example]
            } else {
                sums.append(losses[example])
                counts.append(targetCounts[example])
            }
        }
        (losses, targetCounts) = (sums, counts)
        metrics.join(continues)
    }

    /// Counts an example as having a label from this probability on, where that is a question; nil to choose it on what
    /// is evaluated.
    public mutating func use(threshold: Double?) {
        if let threshold { metrics.use(threshold: threshold) }
    }

    /// Whether every example has a finite loss.
    public var isFinite: Bool { losses.allSatisfy(\.isFinite) }

    /// What was found in all.
    public func report(labels: [String]) -> MetricReport {
        let sum = losses.reduce(0, +)
        let count = targetCounts.reduce(0, +)
        return metrics.report(examples: losses.count, loss: count == 0 ? 0 : sum / Double(count), labels: labels)
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
    /// - Parameter targetCounts: Nil for one target of each example.
    /// - Throws: `ModelError.invalidBatch` where `head` cannot have counted that.
    public init(losses: [Double], targetCounts: [Int]? = nil, json: String, head: any Head) throws(ModelError) {
        if let targetCounts, targetCounts.count != losses.count || targetCounts.contains(where: { $0 < 0 }) {
            throw .invalidBatch("counts of targets that do not fit \(losses.count) examples")
        }
        self.init(
            losses: losses, targetCounts: targetCounts,
            metrics: try head.makeMetrics().read(json, examples: losses.count))
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
