import Foundation

/// F1 over labels, which a text has or has not, and average precision. The definitions, and what is done where one
/// divides by zero, are those of scikit-learn with `zero_division=0`.
///
/// All scores are kept until the end: average precision needs their order, and the threshold is chosen among them.
public struct MultiLabelMetrics: MetricAccumulator, Equatable {
    /// The mean over the labels of F1.
    public static let macroF1 = MetricKind(key: "macro_f1", title: "macro F1", isHigherBetter: true)
    /// F1 over all pairs of a text and a label.
    public static let microF1 = MetricKind(key: "micro_f1", title: "micro F1", isHigherBetter: true)
    /// The mean over the texts of F1.
    public static let sampleF1 = MetricKind(key: "sample_f1", title: "sample F1", isHigherBetter: true)
    /// The mean over the labels of average precision.
    public static let averagePrecision = MetricKind(
        key: "average_precision", title: "average precision", isHigherBetter: true)
    /// Macro F1.
    public static var primary: MetricKind { macroF1 }
    /// A score, and its place where the text has the label.
    public static var bytesPerOutput: Int { 26 }

    /// The number of labels.
    public let labels: Int
    /// The threshold; nil to choose it on what is counted.
    public private(set) var fixedThreshold: Double?
    /// (examples, labels): logits. One that is not finite is 0 here: its loss says so.
    private var scores: [Float] = []
    /// (examples, labels): whether the text has the label.
    private var truths: [Bool] = []

    /// Of no predictions yet.
    ///
    /// - Parameter threshold: Nil to choose, among 0.01, 0.02, … 0.99, the one with the best macro F1.
    public init(labels: Int, threshold: Double? = nil) {
        self.labels = labels
        fixedThreshold = threshold
    }

    /// Adds the scores of each text.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .values(let values, labels) = batch.targets else { return }
        for row in 0..<(values.count / labels) {
            for score in batch.outputs.row(row) { scores.append(score.isFinite ? score : 0) }
        }
        truths += values.map { $0 == 1 }
    }

    /// Appends the scores of `other`.
    public mutating func merge(_ other: MultiLabelMetrics) {
        scores += other.scores
        truths += other.truths
    }

    /// See ``MetricAccumulator``.
    public mutating func use(threshold: Double) { fixedThreshold = threshold }

    /// Checks that these are the same labels, and a score for each label of each example.
    public func validate(examples: Int, like empty: MultiLabelMetrics) throws(ModelError) {
        guard labels == empty.labels, fixedThreshold == empty.fixedThreshold else {
            throw .invalidBatch("scores of \(labels) labels, the model has \(empty.labels)")
        }
        guard scores.count == truths.count, scores.count % labels == 0, scores.count / labels == examples,
            scores.allSatisfy(\.isFinite)
        else { throw .invalidBatch("\(scores.count) scores of \(labels) labels for \(examples) examples") }
    }

    /// Macro, micro and sample F1 at the threshold, which is shown too, and average precision. Without examples all are
    /// 0.
    public func report(examples: Int, loss: Double, labels names: [String]) -> MetricReport {
        let threshold = fixedThreshold ?? chosenThreshold()
        var right = [Int](repeating: 0, count: labels)
        var (found, wanted) = (right, right)
        var sampleSum = 0.0
        let count = scores.count / labels
        for row in 0..<count {
            var (rightHere, foundHere, wantedHere) = (0, 0, 0)
            for label in 0..<labels {
                let isFound = Self.isFound(scores[row * labels + label], threshold)
                let isWanted = truths[row * labels + label]
                if isFound { (found[label], foundHere) = (found[label] + 1, foundHere + 1) }
                if isWanted { (wanted[label], wantedHere) = (wanted[label] + 1, wantedHere + 1) }
                if isFound, isWanted { (right[label], rightHere) = (right[label] + 1, rightHere + 1) }
            }
            sampleSum += Self.f1(rightHere, foundHere, wantedHere)
        }
        let macro = (0..<labels).reduce(0.0) { $0 + Self.f1(right[$1], found[$1], wanted[$1]) } / Double(labels)
        let micro = Self.f1(right.reduce(0, +), found.reduce(0, +), wanted.reduce(0, +))
        let precision = (0..<labels).reduce(0.0) { $0 + averagePrecision($1) } / Double(labels)
        let perClass = names.prefix(labels).enumerated().map { label, name in
            ClassMetrics(
                label: name, precision: Self.share(right[label], found[label]),
                recall: Self.share(right[label], wanted[label]), f1: Self.f1(right[label], found[label], wanted[label]),
                support: wanted[label])
        }
        return MetricReport(
            examples: examples, loss: loss,
            values: [
                Metric(Self.macroF1, macro), Metric(Self.microF1, micro),
                Metric(Self.sampleF1, count == 0 ? 0 : sampleSum / Double(count)),
                Metric(Self.averagePrecision, precision), Metric(.threshold, threshold),
            ], primary: Self.primary, details: .labels(perClass))
    }

    /// Whether a logit is at or above a threshold of probabilities.
    public static func isFound(_ logit: Float, _ threshold: Double) -> Bool {
        BinaryCrossEntropy.probability(Double(logit)) >= threshold
    }

    /// The threshold of 0.01, 0.02, … 0.99 with the best macro F1; of equal ones the nearest to 0.5.
    private func chosenThreshold() -> Double {
        let steps = 100
        // By label and by hundredths of the probability: texts that have the label, and all texts.
        var wanted = [Int](repeating: 0, count: labels * (steps + 1))
        var all = wanted
        for (place, score) in scores.enumerated() {
            let probability = BinaryCrossEntropy.probability(Double(score))
            var bin = min(steps, Int(probability * Double(steps)))
            // The bins are those of the comparison in `isFound`, whatever rounding does.
            while bin < steps, probability >= Double(bin + 1) / Double(steps) { bin += 1 }
            while bin > 0, probability < Double(bin) / Double(steps) { bin -= 1 }
            let cell = place % labels * (steps + 1) + bin
            all[cell] += 1
            if truths[place] { wanted[cell] += 1 }
        }
        var sums = [Double](repeating: 0, count: steps)
        for label in 0..<labels {
            let start = label * (steps + 1)
            let total = wanted[start...(start + steps)].reduce(0, +)
            var (found, right) = (0, 0)
            for bin in stride(from: steps, to: 0, by: -1) {
                found += all[start + bin]
                right += wanted[start + bin]
                if bin < steps { sums[bin] += Self.f1(right, found, total) }
            }
        }
        let best = (1..<steps).max { (sums[$0], -abs($0 - 50)) < (sums[$1], -abs($1 - 50)) } ?? 50
        return Double(best) / Double(steps)
    }

    /// The sum over the texts that have the label, by descending score, of precision times the gain in recall; texts of
    /// one score count at once. 0 for a label that no text has.
    private func averagePrecision(_ label: Int) -> Double {
        let count = scores.count / labels
        let order = (0..<count).sorted { (scores[$0 * labels + label], $1) > (scores[$1 * labels + label], $0) }
        let total = order.count { truths[$0 * labels + label] }
        guard total > 0 else { return 0 }
        var (sum, right, place) = (0.0, 0, 0)
        while place < count {
            let score = scores[order[place] * labels + label]
            var gain = 0
            while place < count, scores[order[place] * labels + label] == score {
                if truths[order[place] * labels + label] { gain += 1 }
                place += 1
            }
            right += gain
            sum += Double(gain) / Double(total) * (Double(right) / Double(place))
        }
        return sum
    }

    private static func f1(_ right: Int, _ found: Int, _ wanted: Int) -> Double { share(2 * right, found + wanted) }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

/// `{"labels": 3, "scores": [0.5, …], "truths": [0, 4, …]}`: the scores row by row, and the places of those whose text
/// has the label, ascending. With `"threshold"` where it is fixed.
extension MultiLabelMetrics {
    private enum CodingKeys: String, CodingKey { case labels, scores, truths, threshold }

    /// See ``MetricAccumulator``.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(labels, forKey: .labels)
        try values.encode(scores, forKey: .scores)
        try values.encode(truths.indices.filter { truths[$0] }, forKey: .truths)
        try values.encodeIfPresent(fixedThreshold, forKey: .threshold)
    }

    /// Reads what ``encode(to:)`` writes, and nothing else.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            labels: try values.decode(Int.self, forKey: .labels),
            threshold: try values.decodeIfPresent(Double.self, forKey: .threshold))
        scores = try values.decode([Float].self, forKey: .scores)
        let places = try values.decode([Int].self, forKey: .truths)
        guard (1...SequenceClassification.maxLabels).contains(labels) else {
            throw DecodingError.dataCorruptedError(
                forKey: .labels, in: values, debugDescription: "not a number of labels")
        }
        truths = [Bool](repeating: false, count: scores.count)
        var last = -1
        for place in places {
            guard place > last, place < truths.count else {
                throw DecodingError.dataCorruptedError(
                    forKey: .truths, in: values, debugDescription: "places out of order")
            }
            truths[place] = true
            last = place
        }
    }
}
