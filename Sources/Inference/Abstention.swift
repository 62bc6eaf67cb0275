import Corpus
import FewShot
import Modeling

/// When a classifier leaves a text without a class: classification with a reject option (Chow, "On optimum recognition
/// error and reject tradeoff", 1970; El-Yaniv and Wiener, "On the foundations of noise-free selective classification",
/// 2010).
public struct Abstention: Sendable, Equatable {
    /// The probability that the most probable class must have at least; nil for none.
    public var leastProbability: Double?
    /// Whether a text that is out of scope has none.
    public var isWithinScope: Bool

    /// Where the most probable class has less than this, or the text is out of scope, if that is asked for.
    public init(leastProbability: Double?, isWithinScope: Bool = false) {
        (self.leastProbability, self.isWithinScope) = (leastProbability, isWithinScope)
    }

    /// Whether a text with these logits is left without a class. Probabilities are compared as they are written: as
    /// 32-bit floats.
    public func abstains(_ outputs: TextOutputs) -> Bool {
        if isWithinScope, let score = outputs.outOfScope, Float(score) > Float(OutOfScopeScore.limit) { return true }
        guard let leastProbability else { return false }
        return Float(outputs.values.withUnsafeBufferPointer { CrossEntropy.confidence($0) }) < Float(leastProbability)
    }
}

/// How much of a labelled set a classifier that may abstain answers, and how often it is then right.
struct SelectiveAccuracy {
    /// The share of the examples that get a class.
    static let coverage = MetricKind(key: "coverage", title: "coverage", isHigherBetter: true)
    /// The share of right predictions among these.
    static let accuracy = MetricKind(key: "answered_accuracy", title: "accuracy among answered", isHigherBetter: true)

    /// When there is no class.
    let abstention: Abstention
    private var (examples, answered, right) = (0, 0, 0)

    init(_ abstention: Abstention) { self.abstention = abstention }

    /// Counts a text that has a class.
    mutating func add(_ outputs: TextOutputs) {
        guard let truth = outputs.example.classNumber else { return }
        examples += 1
        guard !abstention.abstains(outputs) else { return }
        answered += 1
        let prediction = outputs.values.withUnsafeBufferPointer { CrossEntropy.prediction($0) }
        right += prediction == Int(truth) ? 1 : 0
    }

    /// Coverage, and the accuracy where anything was answered.
    var values: [Metric] {
        let coverage = Metric(Self.coverage, examples == 0 ? 0 : Double(answered) / Double(examples))
        return [coverage] + (answered == 0 ? [] : [Metric(Self.accuracy, Double(right) / Double(answered))])
    }
}
