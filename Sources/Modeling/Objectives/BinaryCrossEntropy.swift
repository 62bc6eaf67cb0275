import Foundation

/// Binary cross-entropy of each output on its own, in double precision: `torch.nn.BCEWithLogitsLoss`, whose mean is
/// over texts and labels.
public struct BinaryCrossEntropy: Objective {
    /// See ``Objective``.
    public static let kind = "binary-cross-entropy"

    /// It has no settings.
    public init() {}

    /// Every head will do.
    public func validate(head: any Head) throws(ModelError) {}

    /// 0 or 1 for each label, to learn from.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .values = targets else { throw .invalidBatch("no labels to learn from") }
    }

    /// Texts times labels.
    public func weight(of targets: Targets) -> Double {
        guard case .values(let values, _) = targets else { return 0 }
        return Double(values.count)
    }

    /// The sum over texts and labels.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .values(let values, let width) = targets else { return 0 }
        var sum = 0.0
        for row in 0..<(values.count / width) {
            let logits = outputs.row(row)
            for column in 0..<width {
                sum += Self.loss(Double(logits[column]), target: Double(values[row * width + column]))
            }
            guard withGradient else { continue }
            let gradient = outputs.gradientRow(row)
            for column in 0..<width {
                gradient[column] = Float(
                    Self.probability(Double(logits[column])) - Double(values[row * width + column]))
            }
        }
        return sum
    }

    /// The mean over the labels of each text, so that the mean over texts is that of PyTorch.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .values(let values, let width) = targets else { return [] }
        return (0..<(values.count / width)).map { row in
            let logits = outputs.row(row)
            guard logits.allSatisfy(\.isFinite) else { return .nan }
            var sum = 0.0
            for column in 0..<width {
                sum += Self.loss(Double(logits[column]), target: Double(values[row * width + column]))
            }
            return sum / Double(width)
        }
    }

    /// `log(1 + exp(x)) - y x`, without overflow.
    static func loss(_ logit: Double, target: Double) -> Double {
        if logit.isNaN { return .nan }
        return max(logit, 0) - logit * target + log1p(exp(-abs(logit)))
    }

    /// The logistic function of a logit.
    public static func probability(_ logit: Double) -> Double {
        logit >= 0 ? 1 / (1 + exp(-logit)) : exp(logit) / (1 + exp(logit))
    }
}
