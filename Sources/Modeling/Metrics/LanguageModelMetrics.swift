import Foundation

/// How well tokens are guessed: perplexity, which is e to the power of the mean loss, and the share that is guessed.
public struct LanguageModelMetrics: MetricAccumulator, Equatable {
    /// e to the power of the mean loss of a masked token.
    public static let perplexity = MetricKind(key: "perplexity", title: "perplexity", isHigherBetter: false)
    /// The share of masked tokens that have the greatest logit.
    public static let tokenAccuracy = MetricKind(key: "token_accuracy", title: "token accuracy", isHigherBetter: true)
    /// Perplexity.
    public static var primary: MetricKind { perplexity }

    /// The masked tokens.
    public private(set) var tokens = 0
    /// Those that were guessed.
    public private(set) var right = 0

    /// Of no tokens yet.
    public init() {}

    /// Counts the tokens with the greatest output of each row.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .tokens(let labels) = batch.targets else { return }
        for (row, label) in labels.enumerated() where label != Target.ignored {
            tokens += 1
            if CrossEntropy.prediction(batch.outputs.row(row)) == Int(label) { right += 1 }
        }
    }

    /// Adds the counts of `other`.
    public mutating func merge(_ other: LanguageModelMetrics) {
        tokens += other.tokens
        right += other.right
    }

    /// Checks that there can be so many tokens.
    public func validate(examples: Int, like empty: LanguageModelMetrics) throws(ModelError) {
        let most = EncoderArchitecture.Limits.positions.upperBound
        guard right >= 0, right <= tokens, tokens / most <= examples else {
            throw .invalidBatch("counts of \(right) of \(tokens) tokens in \(examples) texts")
        }
    }

    /// Perplexity and token accuracy. Without tokens the first is 1 and the second 0.
    public func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        MetricReport(
            examples: examples, loss: loss,
            values: [
                // A loss that overflows is still a number in files.
                Metric(Self.perplexity, min(exp(loss), .greatestFiniteMagnitude)),
                Metric(Self.tokenAccuracy, tokens == 0 ? 0 : Double(right) / Double(tokens)),
            ], primary: Self.primary)
    }
}
