import Foundation

/// Cross-entropy that counts what is recognised already for less (Lin et al., "Focal Loss for Dense Object Detection",
/// 2017), in double precision: with p = softmax(logits) and the target t of each class c,
/// `-sum(t[c] (1 - p[c])^gamma log p[c])`. Without label smoothing that is the paper's
/// `-w (1 - p[label])^gamma log p[label]`; with gamma 0 it is ``CrossEntropy``.
public struct FocalLoss: Objective {
    /// See ``Objective``.
    public static let kind = "focal"
    /// How much less, at least 0: the exponent.
    public var gamma: Double
    /// As in ``CrossEntropy``.
    public var labelSmoothing: Double
    /// As in ``CrossEntropy``.
    public var classWeights: ClassWeights?
    /// What the exponent may be.
    public static let gammas = 0.0...100

    private enum CodingKeys: String, CodingKey {
        case gamma
        case labelSmoothing = "label_smoothing"
        case classWeights = "class_weights"
    }

    /// The focal loss with this exponent.
    public init(gamma: Double, labelSmoothing: Double = 0, classWeights: ClassWeights? = nil) {
        self.gamma = gamma
        self.labelSmoothing = labelSmoothing
        self.classWeights = classWeights
    }

    private var plain: CrossEntropy { CrossEntropy(labelSmoothing: labelSmoothing, classWeights: classWeights) }

    /// As for ``CrossEntropy``.
    public func validate(head: any Head) throws(ModelError) {
        guard Self.gammas.contains(gamma) else {
            throw .invalidModel("the exponent of the focal loss is \(gamma), must be in 0 ... 100")
        }
        try plain.validate(head: head)
    }

    /// Classes, to learn from.
    public func validate(_ targets: Targets) throws(ModelError) { try plain.validate(targets) }

    /// As for ``CrossEntropy``.
    public func weight(of targets: Targets) -> Double { plain.weight(of: targets) }

    /// The sum over the rows.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard let classes = targets.rowClasses else { return 0 }
        return classWeights.withWeights { weights in
            var sum = 0.0
            for (row, label) in classes.enumerated() {
                guard label >= 0 else {
                    if withGradient { outputs.gradientRow(row).update(repeating: 0) }
                    continue
                }
                let target = WeightedTarget(
                    label: Int(label), classes: outputs.width, smoothing: labelSmoothing, weights: weights)
                sum += loss(outputs.row(row), target, gradient: withGradient ? outputs.gradientRow(row) : nil)
            }
            return sum
        }
    }

    /// The plain cross-entropy of each row: the exponent and the weights are for training alone.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] { plain.losses(outputs, targets) }

    /// With `d[c]` the derivative of class c's term by `log p[c]`, that of the sum by a logit z[j] is
    /// `d[j] - p[j] sum(d)`.
    private func loss(
        _ logits: UnsafeBufferPointer<Float>, _ target: WeightedTarget, gradient: UnsafeMutableBufferPointer<Float>?
    ) -> Double {
        let normalizer = CrossEntropy.logSumExp(logits)
        var (loss, slopes) = (0.0, 0.0)
        for c in logits.indices where target[c] != 0 {
            let term = term(Double(logits[c]) - normalizer)
            loss += target[c] * term.value
            slopes += target[c] * term.slope
        }
        guard let gradient else { return loss }
        for j in logits.indices {
            let logP = Double(logits[j]) - normalizer
            let own = target[j] == 0 ? 0 : target[j] * term(logP).slope
            gradient[j] = Float(own - exp(logP) * slopes)
        }
        return loss
    }

    /// `-(1 - p)^gamma log p` and its derivative by `log p`, from `log p`.
    private func term(_ logP: Double) -> (value: Double, slope: Double) {
        let rest = -expm1(logP)
        // At p = 1 value and slope are 0, for an exponent below 1 only in the limit.
        guard rest > 0 || rest.isNaN else { return (0, gamma == 0 ? -1 : 0) }
        let factor = pow(rest, gamma)
        return (-factor * logP, factor * (gamma * exp(logP) * logP / rest - 1))
    }
}
