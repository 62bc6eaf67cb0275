import Foundation

/// Correlations and errors of predicted numbers, as SciPy and scikit-learn define them; of several numbers a text, the
/// mean over them.
///
/// All numbers are kept until the end: Spearman's correlation needs their ranks.
public struct RegressionMetrics: MetricAccumulator, Equatable {
    /// Spearman's rank correlation; equal numbers share the mean of their ranks.
    public static let spearman = MetricKind(key: "spearman", title: "Spearman", isHigherBetter: true)
    /// Pearson's correlation.
    public static let pearson = MetricKind(key: "pearson", title: "Pearson", isHigherBetter: true)
    /// The mean absolute error.
    public static let meanAbsoluteError = MetricKind(key: "mae", title: "mean absolute error", isHigherBetter: false)
    /// The mean squared error.
    public static let meanSquaredError = MetricKind(key: "mse", title: "mean squared error", isHigherBetter: false)
    /// Spearman's correlation.
    public static var primary: MetricKind { spearman }
    /// Two numbers.
    public static var bytesPerOutput: Int { 32 }

    /// Numbers of a text.
    public let values: Int
    /// (examples, values). One that is not finite is 0 here: its loss says so.
    private var predictions: [Float] = []
    /// (examples, values)
    private var truths: [Float] = []

    /// Of no predictions yet.
    public init(values: Int) { self.values = values }

    /// Adds the numbers of each text.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .values(let numbers, values) = batch.targets else { return }
        for row in 0..<(numbers.count / values) {
            for number in batch.outputs.row(row) { predictions.append(number.isFinite ? number : 0) }
        }
        truths += numbers
    }

    /// Appends the numbers of `other`.
    public mutating func merge(_ other: RegressionMetrics) {
        predictions += other.predictions
        truths += other.truths
    }

    /// Checks that these are as many numbers for each example as the head has.
    public func validate(examples: Int, like empty: RegressionMetrics) throws(ModelError) {
        guard values == empty.values, predictions.count == truths.count, predictions.count % values == 0,
            predictions.count / values == examples, (predictions + truths).allSatisfy(\.isFinite)
        else { throw .invalidBatch("\(predictions.count) numbers, \(values) of each, for \(examples) examples") }
    }

    /// Spearman, Pearson and both errors. A correlation of numbers that are all equal, or of less than two, is 0.
    public func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        var sums = (spearman: 0.0, pearson: 0.0, absolute: 0.0, squared: 0.0)
        for column in 0..<values {
            let pairs = stride(from: column, to: truths.count, by: values).map {
                (Double(predictions[$0]), Double(truths[$0]))
            }
            let (found, wanted) = (pairs.map(\.0), pairs.map(\.1))
            sums.spearman += Self.correlation(Self.ranks(found), Self.ranks(wanted))
            sums.pearson += Self.correlation(found, wanted)
            let count = Double(max(1, pairs.count))
            sums.absolute += pairs.reduce(0) { $0 + abs($1.0 - $1.1) } / count
            sums.squared += pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / count
        }
        let columns = Double(values)
        return MetricReport(
            examples: examples, loss: loss,
            values: [
                Metric(Self.spearman, sums.spearman / columns), Metric(Self.pearson, sums.pearson / columns),
                Metric(Self.meanAbsoluteError, sums.absolute / columns),
                Metric(Self.meanSquaredError, sums.squared / columns),
            ], primary: Self.primary)
    }

    /// Pearson's correlation; 0 where one of both does not vary.
    static func correlation(_ a: [Double], _ b: [Double]) -> Double {
        let count = Double(a.count)
        guard a.count > 1 else { return 0 }
        let (meanA, meanB) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
        var (product, squareA, squareB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += (x - meanA) * (y - meanB)
            squareA += (x - meanA) * (x - meanA)
            squareB += (y - meanB) * (y - meanB)
        }
        guard squareA > 0, squareB > 0 else { return 0 }
        return max(-1, min(1, product / (squareA.squareRoot() * squareB.squareRoot())))
    }

    /// Ranks from 1; equal numbers have the mean of theirs.
    static func ranks(_ numbers: [Double]) -> [Double] {
        let order = numbers.indices.sorted { (numbers[$0], $0) < (numbers[$1], $1) }
        var ranks = [Double](repeating: 0, count: numbers.count)
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, numbers[order[end]] == numbers[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
            start = end
        }
        return ranks
    }
}

/// `{"values": 1, "predictions": […], "truths": […]}`, row by row.
extension RegressionMetrics {
    private enum CodingKeys: String, CodingKey { case values, predictions, truths }

    /// Reads what is encoded, and nothing else.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(values: try container.decode(Int.self, forKey: .values))
        predictions = try container.decode([Float].self, forKey: .predictions)
        truths = try container.decode([Float].self, forKey: .truths)
        guard (1...SequenceClassification.maxLabels).contains(values) else {
            throw DecodingError.dataCorruptedError(
                forKey: .values, in: container, debugDescription: "not a number of values")
        }
    }
}
