/// A metric, whatever its value.
public struct MetricKind: Sendable, Equatable {
    /// Its name in files, such as `macro_f1`.
    public var key: String
    /// Its name for people, such as "macro F1".
    public var title: String
    /// Whether the greater of two values is the better one.
    public var isHigherBetter: Bool
    /// Whether a line that has little room leaves it out.
    public var isSecondary: Bool

    /// A metric of these names.
    public init(key: String, title: String, isHigherBetter: Bool, isSecondary: Bool = false) {
        self.key = key
        self.title = title
        self.isHigherBetter = isHigherBetter
        self.isSecondary = isSecondary
    }

    /// The mean loss.
    public static let loss = MetricKind(key: "loss", title: "loss", isHigherBetter: false)
    /// The probability from which on an example counts as having a label: no measure of quality.
    public static let threshold = MetricKind(key: "threshold", title: "threshold", isHigherBetter: true)
}

/// The value of a metric.
public struct Metric: Sendable, Equatable {
    /// What it measures.
    public var kind: MetricKind
    /// What was found.
    public var value: Double

    /// `value` of the metric `kind`.
    public init(_ kind: MetricKind, _ value: Double) {
        self.kind = kind
        self.value = value
    }

    /// The value with its sign turned where less is better: of two, the greater one is the better one.
    public var merit: Double { kind.isHigherBetter ? value : -value }
}

/// What an evaluation has found, whatever the head.
public struct MetricReport: Sendable, Equatable {
    /// More than single numbers.
    public enum Details: Sendable, Equatable {
        /// One entry per class, in the order of the labels, and which class was taken for which.
        case classes([ClassMetrics], ConfusionMatrix)
        /// One entry per label, in their order, where an example may have several.
        case labels([ClassMetrics])
    }

    /// The examples.
    public var examples: Int
    /// The mean loss of an example; 0 without examples.
    public var loss: Double
    /// The metrics besides the loss, in the order in which they are shown.
    public var values: [Metric]
    /// The metric by which states of a model are compared.
    public var primary: Metric
    /// What else there is to show.
    public var details: Details?

    /// A report of these parts.
    ///
    /// - Parameter primary: One of `values`, or ``MetricKind/loss``.
    public init(
        examples: Int, loss: Double, values: [Metric], primary: MetricKind, details: Details? = nil
    ) {
        self.examples = examples
        self.loss = loss
        self.values = values
        self.primary = values.first { $0.kind == primary } ?? Metric(.loss, loss)
        self.details = details
    }

    /// The probability from which on examples counted as having a label, where that was a question.
    public var threshold: Double? { values.first { $0.kind == .threshold }?.value }
}
