import Foundation
import Numerics

/// A logistic regression for each label, which a text has or has not, solved to convergence by L-BFGS.
///
/// It minimizes C Σ (log(1 + exp(f)) - y f) + ‖W‖² / 2 with f = W x + b over W and b: for each label scikit-learn's
/// `LogisticRegression(C:)`. Products are in float32, sums in double precision.
public struct BinaryRegression: Sendable {
    /// C, the inverse of the strength of the prior.
    public var inverseRegularization: Double
    /// See ``LimitedMemoryBFGS``.
    public var gradientTolerance = 1e-4
    /// See ``LimitedMemoryBFGS``.
    public var maxIterations = 1000

    /// A regression of this strength.
    public init(inverseRegularization: Double) { self.inverseRegularization = inverseRegularization }

    /// The classifier of these texts.
    ///
    /// - Parameter targets: 1 for each label that a text has, and 0 for the others.
    public func fit(_ features: FeatureMatrix, targets: ScoreMatrix) -> LinearClassifier {
        precondition(targets.rows == features.rows)
        let (labels, width) = (targets.classes, features.width)
        let count = labels * width
        var point = [Double](repeating: 0, count: count + labels)
        LimitedMemoryBFGS(maxIterations: maxIterations, gradientTolerance: gradientTolerance).minimize(&point) {
            point, gradient in
            let classifier = LinearClassifier(
                classes: labels, width: width, weights: point[..<count].map { Float($0) },
                bias: point[count...].map { Float($0) })
            var residuals = classifier.scores(features)
            var (loss, biasGradient) = (0.0, [Double](repeating: 0, count: labels))
            for place in residuals.values.indices {
                let (logit, target) = (residuals.values[place], targets.values[place])
                loss += max(logit, 0) - logit * target + log1p(exp(-abs(logit)))
                let probability = logit >= 0 ? 1 / (1 + exp(-logit)) : exp(logit) / (1 + exp(logit))
                residuals.values[place] = inverseRegularization * (probability - target)
                biasGradient[place % labels] += residuals.values[place]
            }
            loss *= inverseRegularization
            let products = residuals.transposedProduct(features)
            for place in 0..<count {
                gradient[place] = products[place] + point[place]
                loss += point[place] * point[place] / 2
            }
            gradient.replaceSubrange(count..., with: biasGradient)
            return loss
        }
        return LinearClassifier(
            classes: labels, width: width, weights: point[..<count].map { Float($0) },
            bias: point[count...].map { Float($0) })
    }
}

extension ScoreMatrix {
    /// These numbers, transposed, times features: (classes, width), in float32.
    fileprivate func transposedProduct(_ features: FeatureMatrix) -> [Double] {
        let own = values.map { Float($0) }
        var product = [Float](repeating: 0, count: classes * features.width)
        own.withUnsafeBufferPointer { a in
            features.values.withUnsafeBufferPointer { b in
                product.withUnsafeMutableBufferPointer { c in
                    guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                    Matmul().multiply(
                        transposeA: true, transposeB: false, m: classes, n: features.width, k: rows, a: a, lda: classes,
                        b: b, ldb: features.width, c: c, ldc: features.width)
                }
            }
        }
        return product.map { Double($0) }
    }
}
