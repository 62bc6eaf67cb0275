/// How often predictions are right, by their probability: the expected calibration error (Naeini et al., "Obtaining
/// well calibrated probabilities using Bayesian binning", 2015) with the 15 bins of Guo et al., "On calibration of
/// modern neural networks", 2017.
///
/// Bin m of M holds the probabilities in ((m - 1) / M, m / M]. Probabilities are summed as whole numbers, in units of
/// 2⁻³² that are rounded down, so that the order of examples changes no bit.
public struct CalibrationBins: Sendable, Equatable {
    /// The mean over the examples of the probability of the predicted class.
    public static let meanConfidence = MetricKind(
        key: "mean_confidence", title: "mean confidence", isHigherBetter: true, isSecondary: true)
    /// The mean over the examples of the difference, within their bin, between the mean probability and the share of
    /// right predictions.
    public static let expectedError = MetricKind(
        key: "expected_calibration_error", title: "expected calibration error", isHigherBetter: false, isSecondary: true
    )

    /// Bins.
    public static let count = 15
    /// What a probability of 1 is as a whole number.
    private static let one = 1 << 32

    private struct Bin: Sendable, Equatable {
        /// Predictions.
        var count = 0
        /// Those of them that are right.
        var right = 0
        /// The sum of their probabilities, in units of 1 / ``one``.
        var sum = 0
    }
    private var bins = [Bin](repeating: Bin(), count: count)

    /// Of no predictions yet.
    public init() {}

    /// Counts a prediction.
    ///
    /// - Parameter confidence: Its probability; one that is no number counts as 0.
    public mutating func add(confidence: Double, isRight: Bool) {
        let number = confidence > 0 ? Int(min(confidence, 1) * Double(Self.one)) : 0
        let bin = number == 0 ? 0 : (number * Self.count - 1) / Self.one
        bins[bin].count += 1
        bins[bin].right += isRight ? 1 : 0
        bins[bin].sum += number
    }

    /// Adds the counts of `other`.
    public mutating func merge(_ other: CalibrationBins) {
        for (place, bin) in other.bins.enumerated() {
            bins[place].count += bin.count
            bins[place].right += bin.right
            bins[place].sum += bin.sum
        }
    }

    /// The mean probability; 0 without predictions.
    public var meanConfidence: Double {
        let count = bins.reduce(0) { $0 + $1.count }
        return count == 0 ? 0 : bins.reduce(0) { $0 + Double($1.sum) } / Double(Self.one) / Double(count)
    }

    /// Σ over the bins of |sum of probabilities - right predictions| / predictions; 0 without predictions.
    public var expectedError: Double {
        let count = bins.reduce(0) { $0 + $1.count }
        let error = bins.reduce(0.0) { $0 + abs(Double($1.sum) / Double(Self.one) - Double($1.right)) }
        return count == 0 ? 0 : error / Double(count)
    }
}

/// The form in which they travel: bin, count, right ones and sum of each bin that is not empty.
extension CalibrationBins {
    /// As numbers.
    var numbers: [Int] {
        bins.enumerated().flatMap { $1.count == 0 ? [] : [$0, $1.count, $1.right, $1.sum] }
    }

    /// Reads what ``numbers`` has, and nothing else; see ``isConsistent(examples:right:)`` too.
    init?(numbers: [Int]) {
        guard numbers.count % 4 == 0 else { return nil }
        var last = -1
        for start in stride(from: 0, to: numbers.count, by: 4) {
            let (bin, count, right) = (numbers[start], numbers[start + 1], numbers[start + 2])
            let sum = numbers[start + 3]
            guard bin > last, bin < Self.count, count > 0, (0...count).contains(right), sum >= 0 else { return nil }
            // The least and the greatest whole number of the bin.
            let least = bin == 0 ? 0 : bin * Self.one / Self.count + 1
            let greatest = (bin + 1) * Self.one / Self.count
            // Rounded up as the largest one must be at least.
            let mean = sum / count + (sum % count == 0 ? 0 : 1)
            guard sum / count >= least, mean <= greatest else { return nil }
            bins[bin] = Bin(count: count, right: right, sum: sum)
            last = bin
        }
    }

    /// Whether so many predictions were counted, and so many right ones.
    func isConsistent(examples: Int, right: Int) -> Bool {
        var (count, found) = (0, 0)
        for bin in bins {
            let (sum, overflow) = count.addingReportingOverflow(bin.count)
            guard !overflow else { return false }
            (count, found) = (sum, found + bin.right)
        }
        return count == examples && found == right
    }
}
