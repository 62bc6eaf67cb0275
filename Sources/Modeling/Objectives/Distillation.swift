import Foundation

/// Knowledge distillation: the outputs of a teacher are learnt, and the class of a text where it is known (Hinton et
/// al., "Distilling the knowledge in a neural network", 2015).
///
/// With the student's logits z, the teacher's v, a temperature T, softmaxes at it p = softmax(v / T) and
/// q = softmax(z / T), and a the weight of known classes, the loss of a text is (1 - a) T² KL(p ‖ q) + a (-log
/// softmax(z)[class]); a is 0 for a text whose class is not known. T² makes up for gradients that become smaller by it.
public struct Distillation: Objective {
    /// See ``Objective``.
    public static let kind = "distillation"
    /// T, above 0.
    public var temperature: Double
    /// a, in [0, 1].
    public var labelWeight: Double

    private enum CodingKeys: String, CodingKey {
        case temperature
        case labelWeight = "label_weight"
    }

    /// Distillation at this temperature, with this weight of known classes.
    public init(temperature: Double = 2, labelWeight: Double = 0.5) {
        (self.temperature, self.labelWeight) = (temperature, labelWeight)
    }

    /// Numbers before the teacher's logits in a target.
    static let leading = 1

    /// What is to be learnt of a text.
    ///
    /// - Parameters:
    ///   - label: Its class; nil where it is not known.
    ///   - teacher: The teacher's logits, one for each class.
    public static func target(label: Int?, teacher: some Sequence<Float>) -> Target {
        .values([Float(label ?? -1)] + teacher)
    }

    /// A head with an output for each class.
    public func validate(head: any Head) throws(ModelError) {
        guard !head.tiesWords, !head.isPerToken else {
            throw .invalidModel("its objective is about texts, its head about tokens")
        }
        guard temperature.isFinite, temperature > 0, (0...1).contains(labelWeight) else {
            throw .invalidModel(
                "a temperature of \(temperature) and a weight of labels of \(labelWeight), must be above 0 and from 0 to 1"
            )
        }
    }

    /// A class, or -1, and the teacher's logits; for an evaluation classes.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .classes: break
        case .values(let values, let width):
            for row in stride(from: 0, to: values.count, by: width) {
                let label = values[row]
                guard label == label.rounded(), label >= -1, label < Float(width - Self.leading) else {
                    throw .invalidBatch("a class \(label) beside \(width - Self.leading) logits of a teacher")
                }
            }
        case .none, .tokens: throw .invalidBatch("no outputs of a teacher to learn from")
        }
    }

    /// The number of texts.
    public func weight(of targets: Targets) -> Double {
        switch targets {
        case .values(let values, let width): Double(values.count / width)
        case .classes(let classes): Double(classes.count)
        case .none, .tokens: 0
        }
    }

    /// The sum over the texts; of classes alone their cross-entropy.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .values(let values, let width) = targets, width == outputs.width + Self.leading else {
            return CrossEntropy().evaluate(outputs, targets, withGradient: withGradient)
        }
        var sum = 0.0
        values.withUnsafeBufferPointer { values in
            for row in 0..<outputs.rows {
                let start = row * width
                sum += loss(
                    outputs.row(row), teacher: .init(rebasing: values[(start + Self.leading)..<(start + width)]),
                    label: Int(values[start]), gradient: withGradient ? outputs.gradientRow(row) : nil)
            }
        }
        return sum
    }

    /// The loss of a text, and its gradient by the logits: (1 - a) T (q - p) + a (softmax(z) - the class).
    func loss(
        _ logits: UnsafeBufferPointer<Float>, teacher: UnsafeBufferPointer<Float>, label: Int,
        gradient: UnsafeMutableBufferPointer<Float>?
    ) -> Double {
        let share = label >= 0 ? labelWeight : 0
        let (own, other) = (Self.logSoftmax(logits, temperature), Self.logSoftmax(teacher, temperature))
        var divergence = 0.0
        for c in logits.indices { divergence += exp(other[c]) * (other[c] - own[c]) }
        var loss = (1 - share) * temperature * temperature * divergence
        let plain = CrossEntropy.logSumExp(logits)
        if share > 0 { loss += share * (plain - Double(logits[label])) }
        guard let gradient else { return loss }
        for c in logits.indices {
            var derivative = (1 - share) * temperature * (exp(own[c]) - exp(other[c]))
            if share > 0 { derivative += share * (exp(Double(logits[c]) - plain) - (c == label ? 1 : 0)) }
            gradient[c] = Float(derivative)
        }
        return loss
    }

    /// log softmax(`logits` / `temperature`).
    private static func logSoftmax(_ logits: UnsafeBufferPointer<Float>, _ temperature: Double) -> [Double] {
        var greatest = -Double.infinity
        for logit in logits {
            // `max` would drop a NaN, and the loss must show it.
            if logit.isNaN { return [Double](repeating: .nan, count: logits.count) }
            greatest = max(greatest, Double(logit))
        }
        var sum = 0.0
        for logit in logits { sum += exp((Double(logit) - greatest) / temperature) }
        return logits.map { (Double($0) - greatest) / temperature - log(sum) }
    }

    /// The cross-entropy of the classes in an evaluation, or else the loss of each text.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .values(let values, let width) = targets, width == outputs.width + Self.leading else {
            return CrossEntropy().losses(outputs, targets)
        }
        return values.withUnsafeBufferPointer { values in
            (0..<outputs.rows).map { row in
                let start = row * width
                return loss(
                    outputs.row(row), teacher: .init(rebasing: values[(start + Self.leading)..<(start + width)]),
                    label: Int(values[start]), gradient: nil)
            }
        }
    }
}
