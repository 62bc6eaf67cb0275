import CKernels
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
        /// Scratch memory for a row's classes.
        var terms: [Double]

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
            terms = [Double](repeating: 0, count: classes)
        }

        func evaluate(_ point: [Double], _ gradient: inout [Double]) -> Double {
            let (rows, width, classes) = (features.rows, features.width, targets.classes)
            let count = classes * width
            point.withUnsafeBufferPointer { point in
                weights.withUnsafeMutableBufferPointer { weights in
                    guard let to = weights.baseAddress, let from = point.baseAddress else { return }
                    shoal_narrow_double(to, from, count)
                }
            }
            multiply(transposeB: true, m: rows, n: classes, k: width, features.values, weights, &logits)
            var biasGradient = [Double](repeating: 0, count: classes)
            let loss = residuals(Array(point[count...]), &biasGradient)
            multiply(transposeA: true, m: classes, n: width, k: rows, logits, features.values, &weightGradient)
            let distance = addPrior(point, &gradient)
            gradient.replaceSubrange(count..., with: biasGradient)
            return loss + distance / 2
        }

        /// Puts the gradient by the logits in their place, and adds it up for the biases; returns the loss.
        private func residuals(_ bias: [Double], _ biasGradient: inout [Double]) -> Double {
            let (rows, classes) = (features.rows, targets.classes)
            return targets.values.withUnsafeBufferPointer { targets in
                rowWeights.withUnsafeBufferPointer { rowWeights in
                    logits.withUnsafeMutableBufferPointer { logits in
                        guard let logits = logits.baseAddress, let targets = targets.baseAddress,
                            let rowWeights = rowWeights.baseAddress
                        else { return 0 }
                        return shoal_softmax_residuals(
                            logits, bias, targets, rowWeights, strength, &biasGradient, &terms, rows, classes)
                    }
                }
            }
        }

        /// The gradient by the weights with that of the prior; returns ‖W - P‖².
        private func addPrior(_ point: [Double], _ gradient: inout [Double]) -> Double {
            let count = weightGradient.count
            return gradient.withUnsafeMutableBufferPointer { gradient in
                guard let gradient = gradient.baseAddress else { return 0 }
                guard let priorMean else {
                    return shoal_ridge_gradient(point, nil, weightGradient, gradient, count)
                }
                return shoal_ridge_gradient(point, priorMean, weightGradient, gradient, count)
            }
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
