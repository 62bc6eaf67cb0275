import Foundation

/// The supervised contrastive loss over all texts of a step, in double precision: L_out of Khosla et al., "Supervised
/// contrastive learning" (2020).
///
/// With embeddings z of length 1, the temperature t, and P(i) the other texts of the class of text i, the sum over the
/// texts i that have such of
/// `-1 / |P(i)| * sum(p in P(i)) log(exp(z_i . z_p / t) / sum(a != i) exp(z_i . z_a / t))`.
public struct SupervisedContrastive: Objective {
    /// See ``Objective``.
    public static let kind = "supervised-contrastive"
    /// The other texts of the step are what a text is compared with.
    public static let scope = LossScope.step
    /// What cosines are divided by, above 0.
    public var temperature: Double

    /// The temperature of Khosla et al.
    public static let usualTemperature = 0.1

    /// The loss with this temperature.
    public init(temperature: Double = usualTemperature) { self.temperature = temperature }

    /// A head of embeddings of length 1 of single texts.
    public func validate(head: any Head) throws(ModelError) {
        guard let embedding = (head as? TextEmbedding)?.embedding, embedding.normalizes else {
            throw .invalidModel("its objective compares embeddings of length 1, its head makes none")
        }
        guard temperature > 0, temperature.isFinite else {
            throw .invalidModel("a contrastive temperature is \(temperature), must be above 0")
        }
    }

    /// A class for each text.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes = targets else { throw .invalidBatch("no classes of texts to compare") }
    }

    /// The number of texts, those without another one of their class included.
    public func weight(of targets: Targets) -> Double {
        guard case .classes(let classes) = targets else { return 0 }
        return Double(classes.count)
    }

    /// The sum over the texts.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .classes(let classes) = targets else { return 0 }
        let count = min(classes.count, outputs.rows)
        if withGradient { outputs.gradient.update(repeating: 0, count: outputs.rows * outputs.width) }
        var sum = 0.0
        var gradient = withGradient ? [Double](repeating: 0, count: count * outputs.width) : []
        for anchor in 0..<count {
            sum += term(anchor, outputs, classes, count, &gradient)
        }
        for place in gradient.indices { outputs.gradient[place] = Float(gradient[place]) }
        return sum
    }

    /// The loss of one text; its gradient by all embeddings is added, where there is room for it.
    private func term(
        _ anchor: Int, _ outputs: Outputs, _ classes: [Int32], _ count: Int, _ gradient: inout [Double]
    ) -> Double {
        let positives = (0..<count).count { $0 != anchor && classes[$0] == classes[anchor] }
        guard positives > 0 else { return 0 }
        let own = outputs.row(anchor)
        let logits = (0..<count).map { other in
            other == anchor ? -.infinity : dot(own, outputs.row(other)) / temperature
        }
        let greatest = logits.max() ?? 0
        let total = logits.reduce(0) { $0 + exp($1 - greatest) }
        let normalizer = greatest + log(total)
        let share = 1 / Double(positives)
        var loss = 0.0
        let width = outputs.width
        for other in 0..<count where other != anchor {
            let isPositive = classes[other] == classes[anchor]
            if isPositive { loss += share * (normalizer - logits[other]) }
            guard !gradient.isEmpty else { continue }
            // By the logit: its softmax less its share of the target.
            let slope = (exp(logits[other] - normalizer) - (isPositive ? share : 0)) / temperature
            let row = outputs.row(other)
            for i in 0..<width {
                gradient[anchor * width + i] += slope * Double(row[i])
                gradient[other * width + i] += slope * Double(own[i])
            }
        }
        return loss
    }

    private func dot(_ u: UnsafeBufferPointer<Float>, _ v: UnsafeBufferPointer<Float>) -> Double {
        var sum = 0.0
        for i in 0..<min(u.count, v.count) { sum += Double(u[i]) * Double(v[i]) }
        return sum
    }

    /// 0 for each row whose outputs are finite: of a micro-batch alone the loss says nothing.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        (0..<outputs.rows).map { outputs.row($0).allSatisfy(\.isFinite) ? 0 : .nan }
    }
}
