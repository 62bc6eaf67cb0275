import Foundation

/// The number that logits are divided by so that their softmax says how often it is right (Guo et al., "On calibration
/// of modern neural networks", 2017).
public enum TemperatureScaling {
    /// The temperature, 0.01 to 100, with the least cross-entropy on these logits: golden section search on its
    /// logarithm, in which the cross-entropy has one minimum.
    ///
    /// Logits of texts that are all recognised would make it 0.01, however few they are. So, as Platt's targets
    /// ("Probabilistic outputs for support vector machines", 1999) do for two classes, a share of each text's target is
    /// given to the best of the other classes: 1 / (n + 2) of n texts.
    ///
    /// - Parameter texts: n, where each text has several rows; nil for the rows.
    public static func fit(_ logits: ScoreMatrix, labels: [Int], texts: Int? = nil) -> Double {
        guard logits.rows > 0 else { return 1 }
        let ratio = (5.0.squareRoot() - 1) / 2
        let doubt = 1 / Double((texts ?? logits.rows) + 2)
        let rivals = labels.enumerated().map { row, label in
            (0..<logits.classes).filter { $0 != label }.max { logits[row, $0] < logits[row, $1] } ?? label
        }
        func loss(_ t: Double) -> Double {
            let scaled = logits.scaled(by: exp(-t))
            return (1 - doubt) * scaled.crossEntropy(labels) + doubt * scaled.crossEntropy(rivals)
        }
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
