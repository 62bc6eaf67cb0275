import Foundation

/// R-Drop in double precision (Liang et al., "R-Drop: Regularized dropout for neural networks", 2021): each sequence is
/// computed twice, with other dropout masks the second time, and what the two passes say is to agree.
///
/// With the distributions p and q of the two passes and the loss l of another objective, the loss of a sequence is
/// `(l(p) + l(q)) / 2 + alpha / 2 * (KL(p || q) + KL(q || p))`. The distributions are those of the classes, the softmax
/// of the logits; for ``BinaryCrossEntropy`` there is one for each label, has it or not. Where classes have weights,
/// the divergence of a sequence counts by the weight of its class, too.
public struct RegularizedDropout: Objective {
    /// See ``Objective``.
    public static let kind = "regularized-dropout"
    /// How much the divergence counts.
    public var alpha: Double
    /// What either pass learns by.
    public var base: any Objective
    /// What ``alpha`` may be: above 0 and up to this.
    public static let mostAlpha = 1000.0

    private enum CodingKeys: String, CodingKey { case alpha, base }

    /// R-Drop of this objective.
    public init(alpha: Double, base: any Objective) { (self.alpha, self.base) = (alpha, base) }

    /// Reads what ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        alpha = try values.decode(Double.self, forKey: .alpha)
        base = try values.decode(CodedObjective.self, forKey: .base).objective
    }

    /// The factor, and the other objective with its kind.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(alpha, forKey: .alpha)
        try values.encode(CodedObjective(base), forKey: .base)
    }

    /// Two.
    public var passes: Int { 2 }

    /// Heads that the other objective suits, which must be one of classes or labels.
    public func validate(head: any Head) throws(ModelError) {
        guard base is CrossEntropy || base is FocalLoss || base is BinaryCrossEntropy else {
            throw .invalidModel("R-Drop compares probabilities, its objective has none")
        }
        guard alpha > 0, alpha <= Self.mostAlpha else {
            throw .invalidModel("the factor of R-Drop is \(alpha), must be above 0 and at most 1000")
        }
        try base.validate(head: head)
    }

    /// As for the other objective.
    public func validate(_ targets: Targets) throws(ModelError) { try base.validate(targets) }
    /// As for the other objective: sequences count once.
    public func weight(of targets: Targets) -> Double { base.weight(of: targets) }
    /// Those of the other objective: an evaluation has one pass.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] { base.losses(outputs, targets) }

    /// The sum over the rows of a pass, which are followed by those of the other, and so are their targets.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        var sum = base.evaluate(outputs, targets, withGradient: withGradient) / 2
        let (rows, width) = (outputs.rows / 2, outputs.width)
        if withGradient {
            for place in 0..<(outputs.rows * width) { outputs.gradient[place] *= 0.5 }
        }
        var added = [Double](repeating: 0, count: 2 * width)
        for row in 0..<rows {
            let weight = alpha / 2 * self.weight(ofRow: row, targets)
            guard weight != 0 else { continue }
            let (first, second) = (outputs.row(row), outputs.row(rows + row))
            let divergence =
                base is BinaryCrossEntropy
                ? Self.labelDivergence(first, second, &added) : Self.classDivergence(first, second, &added)
            sum += weight * divergence
            guard withGradient else { continue }
            let (one, other) = (outputs.gradientRow(row), outputs.gradientRow(rows + row))
            for i in 0..<width {
                one[i] = Float(Double(one[i]) + weight * added[i])
                other[i] = Float(Double(other[i]) + weight * added[width + i])
            }
        }
        return sum
    }

    /// How much the divergence of a row counts: 0 for a token of which nothing is to be learnt.
    private func weight(ofRow row: Int, _ targets: Targets) -> Double {
        guard let classes = targets.rowClasses else { return 1 }
        guard classes[row] >= 0 else { return 0 }
        let weights = (base as? CrossEntropy)?.classWeights ?? (base as? FocalLoss)?.classWeights
        return weights.map { $0.values[Int(classes[row])] } ?? 1
    }

    /// `KL(p || q) + KL(q || p)` of p = softmax(a) and q = softmax(b), and its gradient by a, then by b. With
    /// l = log p - log q it is `sum((p - q) l)`, and by a[j] `p[j] (l[j] - sum(p l)) + p[j] - q[j]`.
    static func classDivergence(
        _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, _ gradient: inout [Double]
    ) -> Double {
        let (normalizerA, normalizerB) = (CrossEntropy.logSumExp(a), CrossEntropy.logSumExp(b))
        let width = a.count
        var (forward, backward) = (0.0, 0.0)
        for i in 0..<width {
            let (logP, logQ) = (Double(a[i]) - normalizerA, Double(b[i]) - normalizerB)
            forward += exp(logP) * (logP - logQ)
            backward += exp(logQ) * (logQ - logP)
        }
        for i in 0..<width {
            let (logP, logQ) = (Double(a[i]) - normalizerA, Double(b[i]) - normalizerB)
            let (p, q) = (exp(logP), exp(logQ))
            gradient[i] = p * (logP - logQ - forward) + p - q
            gradient[width + i] = q * (logQ - logP - backward) + q - p
        }
        return forward + backward
    }

    /// The same of each output as the logit of a label, added up: `(p - q) (a - b)` with p = sigmoid(a) and
    /// q = sigmoid(b), and by a `p (1 - p) (a - b) + p - q`.
    static func labelDivergence(
        _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, _ gradient: inout [Double]
    ) -> Double {
        let width = a.count
        var sum = 0.0
        for i in 0..<width {
            let difference = Double(a[i]) - Double(b[i])
            let p = BinaryCrossEntropy.probability(Double(a[i]))
            let q = BinaryCrossEntropy.probability(Double(b[i]))
            sum += (p - q) * difference
            gradient[i] = p * (1 - p) * difference + p - q
            gradient[width + i] = -q * (1 - q) * difference + q - p
        }
        return sum
    }
}
