import Foundation

/// Binary cross-entropy of each output on its own: `torch.nn.BCEWithLogitsLoss`.
public struct BinaryCrossEntropy: ValueObjective {
    /// See ``Objective``.
    public static let kind = "binary-cross-entropy"

    /// It has no settings.
    public init() {}

    /// `log(1 + exp(x)) - y x`, without overflow, and `sigmoid(x) - y`.
    static func loss(_ logit: Double, target: Double) -> (value: Double, derivative: Double) {
        // `max` would drop a NaN, and the loss must show it.
        if logit.isNaN { return (.nan, .nan) }
        return (max(logit, 0) - logit * target + log1p(exp(-abs(logit))), probability(logit) - target)
    }

    /// The logistic function of a logit.
    public static func probability(_ logit: Double) -> Double {
        logit >= 0 ? 1 / (1 + exp(-logit)) : exp(logit) / (1 + exp(logit))
    }
}
