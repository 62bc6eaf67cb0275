import Foundation

/// Softmax cross-entropy in double precision: `torch.nn.functional.cross_entropy` with `reduction="sum"`.
public struct CrossEntropy: Objective {
    /// See ``Objective``.
    public static let kind = "cross-entropy"
    /// The share of the target that is spread evenly over all classes, in [0, 1).
    public var labelSmoothing: Double

    private enum CodingKeys: String, CodingKey { case labelSmoothing = "label_smoothing" }

    /// Cross-entropy with this smoothing.
    public init(labelSmoothing: Double = 0) { self.labelSmoothing = labelSmoothing }

    /// Every head will do.
    public func validate(head: any Head) throws(ModelError) {
        guard labelSmoothing >= 0, labelSmoothing < 1 else {
            throw .invalidModel("label smoothing is \(labelSmoothing), must be at least 0 and below 1")
        }
    }

    /// Classes, to learn from.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes = targets else { throw .invalidBatch("no labels to learn from") }
    }

    /// The number of sequences.
    public func weight(of targets: Targets) -> Double {
        guard case .classes(let classes) = targets else { return 0 }
        return Double(classes.count)
    }

    /// The sum over the rows of ``loss(_:label:smoothing:)``.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .classes(let classes) = targets else { return 0 }
        var sum = 0.0
        for (row, label) in classes.enumerated() {
            sum +=
                withGradient
                ? Self.loss(
                    outputs.row(row), label: Int(label), smoothing: labelSmoothing,
                    gradient: outputs.gradientRow(row))
                : Self.loss(outputs.row(row), label: Int(label), smoothing: labelSmoothing)
        }
        return sum
    }

    /// The plain loss of each row, without smoothing.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .classes(let classes) = targets else { return [] }
        return classes.enumerated().map { row, label in
            let logits = outputs.row(row)
            return logits.allSatisfy(\.isFinite) ? Self.loss(logits, label: Int(label)) : .nan
        }
    }

    /// The loss of `logits` (one per class) against class `label`: with p = softmax(logits) and C classes,
    /// `-(1 - smoothing) * log p[label] - smoothing / C * sum(log p)`.
    public static func loss(_ logits: UnsafeBufferPointer<Float>, label: Int, smoothing: Double = 0) -> Double {
        precondition(logits.indices.contains(label), "label \(label) of \(logits.count) classes")
        let normalizer = logSumExp(logits)
        let loss = normalizer - Double(logits[label])
        guard smoothing > 0 else { return loss }
        var mean = 0.0
        for logit in logits { mean += normalizer - Double(logit) }
        return (1 - smoothing) * loss + smoothing * mean / Double(logits.count)
    }

    /// The loss, and its gradient by the logits written to `gradient` (one per class): `p - target`, where the target is
    /// `1 - smoothing` on the label plus `smoothing / C` everywhere.
    public static func loss(
        _ logits: UnsafeBufferPointer<Float>, label: Int, smoothing: Double = 0,
        gradient: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        precondition(gradient.count == logits.count, "one gradient a logit")
        let normalizer = logSumExp(logits)
        let spread = smoothing / Double(logits.count)
        for i in logits.indices {
            let target = spread + (i == label ? 1 - smoothing : 0)
            gradient[i] = Float(exp(Double(logits[i]) - normalizer) - target)
        }
        return loss(logits, label: label, smoothing: smoothing)
    }

    /// softmax(`logits`): what `predict` shows.
    public static func probabilities(_ logits: UnsafeBufferPointer<Float>) -> [Double] {
        let normalizer = logSumExp(logits)
        return logits.map { exp(Double($0) - normalizer) }
    }

    /// The class with the greatest logit, the first of several; 0 where all are NaN.
    public static func prediction(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var best = 0
        for i in logits.indices where logits[i] > logits[best] || (logits[best].isNaN && !logits[i].isNaN) { best = i }
        return best
    }

    /// log(sum(exp(logits))), without overflow: the greatest logit is taken out first.
    private static func logSumExp(_ logits: UnsafeBufferPointer<Float>) -> Double {
        var greatest = -Double.infinity
        for logit in logits {
            // `max` would drop a NaN, and the loss must show it.
            if logit.isNaN { return .nan }
            greatest = max(greatest, Double(logit))
        }
        guard greatest.isFinite else { return greatest == .infinity ? .nan : greatest }
        var sum = 0.0
        for logit in logits { sum += exp(Double(logit) - greatest) }
        return greatest + log(sum)
    }
}
