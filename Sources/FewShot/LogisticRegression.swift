import Foundation
import Numerics

/// Multinomial logistic regression with a Gaussian prior on the weights, solved to convergence.
///
/// It minimizes C Σ wᵢ (-log softmax(W xᵢ + b)[yᵢ]) + ‖W - P‖² / 2 over W and b, with P the prior's mean, 0 where none
/// is given: scikit-learn's `LogisticRegression(C:)` then. Products are in float32, sums in double precision.
public struct LogisticRegression: Sendable {
    /// C, the inverse of the strength of the prior.
    public var inverseRegularization: Double
    /// See ``LimitedMemoryBFGS``.
    public var gradientTolerance = 1e-4
    /// See ``LimitedMemoryBFGS``.
    public var maxIterations = 1000

    /// A regression of this strength.
    public init(inverseRegularization: Double) { self.inverseRegularization = inverseRegularization }

    /// The classifier of these examples.
    ///
    /// - Parameters:
    ///   - labels: The class of each row.
    ///   - weights: What each row counts for; nil for 1 each.
    ///   - priorMean: (classes, width), P; nil for 0.
    public func fit(
        _ features: FeatureMatrix, labels: [Int], classes: Int, weights: [Double]? = nil, priorMean: [Float]? = nil
    ) -> LinearClassifier {
        var targets = ScoreMatrix(rows: features.rows, classes: classes)
        for (row, label) in labels.enumerated() { targets[row, label] = weights?[row] ?? 1 }
        return fit(features, targets: targets, priorMean: priorMean)
    }

    /// The same for examples that belong to each class to a part.
    ///
    /// - Parameter targets: What each row counts for in each class.
    public func fit(_ features: FeatureMatrix, targets: ScoreMatrix, priorMean: [Float]? = nil) -> LinearClassifier {
        let (classes, width) = (targets.classes, features.width)
        precondition(targets.rows == features.rows)
        precondition(priorMean.map { $0.count == classes * width } ?? true)
        let problem = Problem(
            features: features, targets: targets, strength: inverseRegularization, priorMean: priorMean)
        // Weights, then biases.
        var point = [Double](repeating: 0, count: classes * width + classes)
        if let priorMean { for (i, value) in priorMean.enumerated() { point[i] = Double(value) } }
        LimitedMemoryBFGS(maxIterations: maxIterations, gradientTolerance: gradientTolerance)
            .minimize(&point, problem.evaluate)
        return LinearClassifier(
            classes: classes, width: width, weights: point[..<(classes * width)].map { Float($0) },
            bias: point[(classes * width)...].map { Float($0) })
    }

    /// The function that is minimized, with its memory.
    private final class Problem {
        let features: FeatureMatrix
        let targets: ScoreMatrix
        let strength: Double
        let priorMean: [Float]?
        /// What each row counts for in all.
        let rowWeights: [Double]
        let matmul = Matmul()
        var weights: [Float]
        var logits: [Float]
        var weightGradient: [Float]

        init(features: FeatureMatrix, targets: ScoreMatrix, strength: Double, priorMean: [Float]?) {
            self.features = features
            self.targets = targets
            self.strength = strength
            self.priorMean = priorMean
            let classes = targets.classes
            rowWeights = (0..<targets.rows).map { row in (0..<classes).reduce(0) { $0 + targets[row, $1] } }
            weights = [Float](repeating: 0, count: classes * features.width)
            weightGradient = weights
            logits = [Float](repeating: 0, count: features.rows * classes)
        }

        func evaluate(_ point: [Double], _ gradient: inout [Double]) -> Double {
            let (rows, width, classes) = (features.rows, features.width, targets.classes)
            let count = classes * width
            for i in 0..<count { weights[i] = Float(point[i]) }
            multiply(transposeB: true, m: rows, n: classes, k: width, features.values, weights, &logits)
            var value = 0.0
            var biasGradient = [Double](repeating: 0, count: classes)
            for row in 0..<rows {
                let start = row * classes
                var largest = -Double.infinity
                for label in 0..<classes {
                    largest = max(largest, Double(logits[start + label]) + point[count + label])
                }
                var sum = 0.0
                for label in 0..<classes { sum += exp(Double(logits[start + label]) + point[count + label] - largest) }
                let shift = largest + log(sum)
                for label in 0..<classes {
                    let logProbability = Double(logits[start + label]) + point[count + label] - shift
                    let target = targets[row, label]
                    if target != 0 { value -= strength * target * logProbability }
                    let d = strength * (rowWeights[row] * exp(logProbability) - target)
                    biasGradient[label] += d
                    logits[start + label] = Float(d)
                }
            }
            multiply(transposeA: true, m: classes, n: width, k: rows, logits, features.values, &weightGradient)
            for i in 0..<count {
                let difference = point[i] - Double(priorMean?[i] ?? 0)
                value += difference * difference / 2
                gradient[i] = Double(weightGradient[i]) + difference
            }
            for label in 0..<classes { gradient[count + label] = biasGradient[label] }
            return value
        }

        private func multiply(
            transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, _ a: [Float], _ b: [Float],
            _ c: inout [Float]
        ) {
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    c.withUnsafeMutableBufferPointer { c in
                        guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                        matmul.multiply(
                            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a,
                            lda: transposeA ? m : k, b: b, ldb: transposeB ? k : n, c: c, ldc: n)
                    }
                }
            }
        }
    }
}
