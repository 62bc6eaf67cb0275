/// How well a model classifies a data set. The definitions, and what is done where one divides by zero, are those of
/// scikit-learn with `zero_division=0`.
public struct ClassificationMetrics: Sendable, Codable, Equatable {
    /// The share of right predictions.
    public var accuracy: Double
    /// The mean F1 over the classes that occur as truth or as prediction.
    public var macroF1: Double
    /// The mean loss of a sample.
    public var loss: Double
    /// The samples.
    public var examples: Int
    /// One entry a class, in the order of the labels.
    public var perClass: [ClassMetrics]
    /// `confusion.rows[truth][prediction]`.
    public var confusion: ConfusionMatrix

    private enum CodingKeys: String, CodingKey {
        case accuracy, loss, examples
        case macroF1 = "macro_f1"
        case perClass = "per_class"
        case confusion
    }

    /// The metrics of the predictions in `confusion`, whose losses add up to `lossSum`. `labels` names its classes.
    /// Without any predictions all are 0.
    public init(confusion: ConfusionMatrix, labels: [String], lossSum: Double) {
        precondition(labels.count == confusion.classes, "one label a class")
        self.confusion = confusion
        examples = confusion.total
        var right = 0
        var f1Sum = 0.0
        var occurring = 0
        perClass = []
        for (label, name) in labels.enumerated() {
            let hits = confusion.rows[label][label]
            let support = confusion.support(label)
            let predicted = confusion.predicted(label)
            let f1 = Self.share(2 * hits, support + predicted)
            perClass.append(
                ClassMetrics(
                    label: name, precision: Self.share(hits, predicted), recall: Self.share(hits, support), f1: f1,
                    support: support))
            right += hits
            if support + predicted > 0 {
                f1Sum += f1
                occurring += 1
            }
        }
        accuracy = Self.share(right, examples)
        macroF1 = occurring == 0 ? 0 : f1Sum / Double(occurring)
        loss = examples == 0 ? 0 : lossSum / Double(examples)
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
