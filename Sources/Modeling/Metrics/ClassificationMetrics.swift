/// Accuracy, macro F1 and the metrics of each class, from how often each class was taken for each, and how well
/// probabilities are calibrated. The definitions, and what is done where one divides by zero, are those of
/// scikit-learn with `zero_division=0`; for calibration see ``CalibrationBins``.
public struct ClassificationMetrics: MetricAccumulator, Equatable {
    /// The share of right predictions.
    public static let accuracy = MetricKind(key: "accuracy", title: "accuracy", isHigherBetter: true)
    /// The mean F1 over the classes that occur as truth or as prediction.
    public static let macroF1 = MetricKind(key: "macro_f1", title: "macro F1", isHigherBetter: true)
    /// Accuracy.
    public static var primary: MetricKind { accuracy }

    /// The number of classes.
    public let classes: Int
    /// How often a class was taken for another one, for what occurred: by truth * classes + prediction.
    private var counts: [Int: Int] = [:]
    /// The largest probabilities, and how often they were right.
    public private(set) var calibration = CalibrationBins()

    /// Of no predictions yet.
    public init(classes: Int) { self.classes = classes }

    /// Counts one prediction.
    ///
    /// - Parameter confidence: Its probability.
    public mutating func add(truth: Int, prediction: Int, confidence: Double) {
        counts[truth * classes + prediction, default: 0] += 1
        calibration.add(confidence: confidence, isRight: truth == prediction)
    }

    /// Counts the class with the greatest output of each row.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .classes(let labels) = batch.targets else { return }
        for (row, label) in labels.enumerated() {
            let logits = batch.outputs.row(row)
            add(
                truth: Int(label), prediction: CrossEntropy.prediction(logits),
                confidence: CrossEntropy.confidence(logits))
        }
    }

    /// Adds the counts of `other`.
    public mutating func merge(_ other: ClassificationMetrics) {
        counts.merge(other.counts) { $0 + $1 }
        calibration.merge(other.calibration)
    }

    /// Checks that these are the same classes, and one prediction for each example.
    public func validate(examples: Int, like empty: ClassificationMetrics) throws(ModelError) {
        guard classes == empty.classes else {
            throw .invalidBatch("counts over \(classes) classes, the model has \(empty.classes)")
        }
        var total = 0
        for count in counts.values {
            let (sum, overflow) = total.addingReportingOverflow(count)
            guard !overflow else { throw .invalidBatch("counts without bounds") }
            total = sum
        }
        guard total == examples else { throw .invalidBatch("counts of \(total) predictions for \(examples) examples") }
        let right = (0..<classes).reduce(0) { $0 + (counts[$1 * classes + $1] ?? 0) }
        guard calibration.isConsistent(examples: examples, right: right) else {
            throw .invalidBatch("confidences that do not fit \(examples) predictions, \(right) of them right")
        }
    }

    /// Accuracy, macro F1 and calibration, with the classes and the confusion matrix as details. Without predictions
    /// all are 0.
    public func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        var confusion = ConfusionMatrix(classes: classes)
        for (cell, count) in counts { confusion.add(truth: cell / classes, prediction: cell % classes, count: count) }
        var right = 0
        var f1Sum = 0.0
        var occurring = 0
        var perClass: [ClassMetrics] = []
        for (label, name) in labels.prefix(classes).enumerated() {
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
        return MetricReport(
            examples: examples, loss: loss,
            values: [
                Metric(Self.accuracy, Self.share(right, confusion.total)),
                Metric(Self.macroF1, occurring == 0 ? 0 : f1Sum / Double(occurring)),
                Metric(CalibrationBins.meanConfidence, calibration.meanConfidence),
                Metric(CalibrationBins.expectedError, calibration.expectedError),
            ], primary: Self.primary, details: .classes(perClass, confusion))
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

/// `{"calibration": [bin, count, right, sum, …], "classes": 3, "counts": [truth, prediction, count, …]}`, ascending,
/// without zeros.
extension ClassificationMetrics {
    private enum CodingKeys: String, CodingKey { case calibration, classes, counts }

    /// See ``MetricAccumulator``.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(calibration.numbers, forKey: .calibration)
        try values.encode(classes, forKey: .classes)
        var list = values.nestedUnkeyedContainer(forKey: .counts)
        for (cell, count) in counts.sorted(by: { $0.key < $1.key }) {
            for number in [cell / classes, cell % classes, count] { try list.encode(number) }
        }
    }

    /// Reads what ``encode(to:)`` writes, and nothing else.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(classes: try values.decode(Int.self, forKey: .classes))
        let list = try values.decode([Int].self, forKey: .counts)
        func refuse(_ what: String) -> DecodingError {
            .dataCorruptedError(forKey: .counts, in: values, debugDescription: what)
        }
        guard (1...SequenceClassification.maxLabels).contains(classes), list.count % 3 == 0 else {
            throw refuse("not a list of counts")
        }
        guard let calibration = CalibrationBins(numbers: try values.decode([Int].self, forKey: .calibration)) else {
            throw refuse("confidences that cannot be")
        }
        self.calibration = calibration
        var last = -1
        for start in stride(from: 0, to: list.count, by: 3) {
            let (truth, prediction, count) = (list[start], list[start + 1], list[start + 2])
            guard (0..<classes).contains(truth), (0..<classes).contains(prediction), count > 0 else {
                throw refuse("a count that cannot be")
            }
            let cell = truth * classes + prediction
            guard cell > last else { throw refuse("counts out of order") }
            counts[cell] = count
            last = cell
        }
    }
}
