import Foundation

/// Softmax cross-entropy in double precision: `torch.nn.CrossEntropyLoss`. With class weights its mean divides by the
/// sum of the weights of the examples' classes. It learns a class for each sequence, or for each of some tokens.
public struct CrossEntropy: Objective {
    /// See ``Objective``.
    public static let kind = "cross-entropy"
    /// The share of the target that is spread evenly over all classes, in [0, 1).
    public var labelSmoothing: Double
    /// How much each class counts; nil for all alike.
    public var classWeights: ClassWeights?

    private enum CodingKeys: String, CodingKey {
        case labelSmoothing = "label_smoothing"
        case classWeights = "class_weights"
    }

    /// Cross-entropy with this smoothing and these weights.
    public init(labelSmoothing: Double = 0, classWeights: ClassWeights? = nil) {
        self.labelSmoothing = labelSmoothing
        self.classWeights = classWeights
    }

    /// Every head will do whose gradient has memory of its own, if there are weights for its outputs.
    public func validate(head: any Head) throws(ModelError) {
        guard !head.tiesWords else {
            throw .invalidModel("its objective is about classes, its head about a vocabulary")
        }
        guard labelSmoothing >= 0, labelSmoothing < 1 else {
            throw .invalidModel("label smoothing is \(labelSmoothing), must be at least 0 and below 1")
        }
        try classWeights?.validate(classes: head.outputWidth)
    }

    /// Classes, to learn from.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard targets.rowClasses != nil else { throw .invalidBatch("no labels to learn from") }
    }

    /// The number of sequences, or of tokens with a class, or the sum of the weights of their classes.
    public func weight(of targets: Targets) -> Double {
        guard let classes = targets.rowClasses else { return 0 }
        return classWeights?.sum(of: classes) ?? Double(classes.count { $0 >= 0 })
    }

    /// The sum over the rows of ``loss(_:label:smoothing:)``, or with weights of ``weightedLoss(_:_:gradient:)``.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard let classes = targets.rowClasses else { return 0 }
        return classWeights.withWeights { weights in
            var sum = 0.0
            for (row, label) in classes.enumerated() {
                let gradient = withGradient ? outputs.gradientRow(row) : nil
                guard label >= 0 else {
                    gradient?.update(repeating: 0)
                    continue
                }
                if weights != nil {
                    let target = WeightedTarget(
                        label: Int(label), classes: outputs.width, smoothing: labelSmoothing, weights: weights)
                    sum += Self.weightedLoss(outputs.row(row), target, gradient: gradient)
                } else if let gradient {
                    sum += Self.loss(
                        outputs.row(row), label: Int(label), smoothing: labelSmoothing, gradient: gradient)
                } else {
                    sum += Self.loss(outputs.row(row), label: Int(label), smoothing: labelSmoothing)
                }
            }
            return sum
        }
    }

    /// The plain loss of each row, without smoothing and weights; 0 for a token of which nothing is to be learnt.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard let classes = targets.rowClasses else { return [] }
        return classes.enumerated().map { row, label in
            guard label >= 0 else { return 0 }
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

    /// The loss, and its gradient by the logits written to `gradient` (one per class): `p - target`, where the target
    /// is `1 - smoothing` on the label plus `smoothing / C` everywhere.
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

    /// `-sum(t[c] log p[c])` for the target t and p = softmax(logits), and its gradient by the logits,
    /// `p sum(t) - t`.
    private static func weightedLoss(
        _ logits: UnsafeBufferPointer<Float>, _ target: WeightedTarget, gradient: UnsafeMutableBufferPointer<Float>?
    ) -> Double {
        let normalizer = logSumExp(logits)
        var (loss, total) = (0.0, 0.0)
        for c in logits.indices where target[c] != 0 {
            loss += target[c] * (normalizer - Double(logits[c]))
            total += target[c]
        }
        guard let gradient else { return loss }
        for c in logits.indices { gradient[c] = Float(exp(Double(logits[c]) - normalizer) * total - target[c]) }
        return loss
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

    /// The probability of the ``prediction(_:)``; 0 where it is no number.
    public static func confidence(_ logits: UnsafeBufferPointer<Float>) -> Double {
        let probability = exp(Double(logits[prediction(logits)]) - logSumExp(logits))
        return probability.isNaN ? 0 : min(probability, 1)
    }

    /// log(sum(exp(logits))), without overflow: the greatest logit is taken out first.
    static func logSumExp(_ logits: UnsafeBufferPointer<Float>) -> Double {
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
