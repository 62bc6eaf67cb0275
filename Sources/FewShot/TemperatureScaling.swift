import Foundation

/// The number that logits are divided by so that their softmax says how often it is right (Guo et al., "On calibration
/// of modern neural networks", 2017).
public enum TemperatureScaling {
    /// The temperature, 0.01 to 100, with the least cross-entropy on these logits: golden section search on its
    /// logarithm, in which the cross-entropy has one minimum.
    public static func fit(_ logits: ScoreMatrix, labels: [Int]) -> Double {
        guard logits.rows > 0 else { return 1 }
        let ratio = (5.0.squareRoot() - 1) / 2
        func loss(_ t: Double) -> Double { logits.scaled(by: exp(-t)).crossEntropy(labels) }
        var (low, high) = (log(0.01), log(100.0))
        var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
        var (leftLoss, rightLoss) = (loss(left), loss(right))
        while high - low > 1e-4 {
            if leftLoss <= rightLoss {
                (high, right, rightLoss) = (right, left, leftLoss)
                left = high - ratio * (high - low)
                leftLoss = loss(left)
            } else {
                (low, left, leftLoss) = (left, right, rightLoss)
                right = low + ratio * (high - low)
                rightLoss = loss(right)
            }
        }
        return exp((low + high) / 2)
    }

    /// The expected calibration error: the mean difference between confidence and accuracy over `bins` ranges of
    /// confidence of equal width, weighted by their texts (Naeini et al. 2015).
    public static func expectedCalibrationError(_ probabilities: ScoreMatrix, labels: [Int], bins: Int = 15) -> Double {
        var counts = [Int](repeating: 0, count: bins)
        var (confidence, right) = ([Double](repeating: 0, count: bins), [Double](repeating: 0, count: bins))
        for (row, best) in probabilities.best().enumerated() {
            let p = probabilities[row, best]
            let bin = max(0, min(bins - 1, Int((p * Double(bins)).rounded(.up)) - 1))
            counts[bin] += 1
            confidence[bin] += p
            if best == labels[row] { right[bin] += 1 }
        }
        guard probabilities.rows > 0 else { return 0 }
        return (0..<bins).reduce(0) { $0 + abs(confidence[$1] - right[$1]) } / Double(probabilities.rows)
    }
}
