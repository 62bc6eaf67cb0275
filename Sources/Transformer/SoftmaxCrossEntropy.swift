import Foundation

/// Softmax and cross-entropy in one, with label smoothing (Szegedy et al. 2016) as PyTorch has it.
enum SoftmaxCrossEntropy {
    /// The summed loss of S rows, and its gradient with respect to the logits.
    ///
    /// With smoothing e, the target is 1 - e + e / labels for the true class and e / labels for each other one.
    ///
    /// - Parameters:
    ///   - logits: (rows, labels).
    ///   - targets: A class for each row.
    ///   - gradient: (rows, labels), of the sum, not of the mean: the mean is taken once, over the global batch.
    static func forwardBackward(
        logits: UnsafePointer<Float>, targets: [Int32], labels: Int, smoothing: Float,
        gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        var total = 0.0
        for (row, target) in targets.enumerated() {
            let z = logits + row * labels
            let g = gradient + row * labels
            var largest = -Float.infinity
            for c in 0..<labels { largest = max(largest, z[c]) }
            var sum = 0.0
            for c in 0..<labels { sum += exp(Double(z[c] - largest)) }
            let logSum = log(sum)
            let uniform = Double(smoothing) / Double(labels)
            for c in 0..<labels {
                let logP = Double(z[c] - largest) - logSum
                let wanted = uniform + (c == Int(target) ? 1 - Double(smoothing) : 0)
                if wanted > 0 { total -= wanted * logP }
                g[c] = Float(exp(logP) - wanted)
            }
        }
        return total
    }
}
