import Foundation

/// Linear discriminant analysis with equal shares of classes, whose covariance within classes is drawn towards a
/// multiple of the identity by as much as Ledoit and Wolf ("A well-conditioned estimator for large-dimensional
/// covariance matrices", 2004) find best.
public enum ShrunkDiscriminant {
    /// The classifier of these examples.
    public static func fit(_ features: FeatureMatrix, labels: [Int], classes: Int) -> LinearClassifier {
        let (rows, width) = (features.rows, features.width)
        var means = [Double](repeating: 0, count: classes * width)
        var counts = [Double](repeating: 0, count: classes)
        for label in labels { counts[label] += 1 }
        for (row, label) in labels.enumerated() {
            for i in 0..<width { means[label * width + i] += Double(features.values[row * width + i]) / counts[label] }
        }
        var centred = [Double](repeating: 0, count: rows * width)
        for (row, label) in labels.enumerated() {
            for i in 0..<width {
                centred[row * width + i] = Double(features.values[row * width + i]) - means[label * width + i]
            }
        }
        let (ridge, factor) = shrinkage(centred, rows: rows, width: width)
        // Σ = ridge I + factor XᵀX, so Σ⁻¹ m = (m - Xᵀ (XXᵀ + ridge / factor)⁻¹ X m) / ridge (Woodbury): a system of as
        // many unknowns as there are examples.
        var gram = [Double](repeating: 0, count: rows * rows)
        for a in 0..<rows {
            for b in 0...a {
                var sum = 0.0
                for i in 0..<width { sum += centred[a * width + i] * centred[b * width + i] }
                gram[a * rows + b] = sum
                gram[b * rows + a] = sum
            }
        }
        let isShrunk = factor > 0
        if isShrunk { for a in 0..<rows { gram[a * rows + a] += ridge / factor } }
        let root = isShrunk ? Cholesky(gram, size: rows) : nil
        var weights = [Float](repeating: 0, count: classes * width)
        var bias = [Float](repeating: 0, count: classes)
        for label in 0..<classes {
            let mean = Array(means[(label * width)..<((label + 1) * width)])
            var solved = mean
            if let root {
                var projected = [Double](repeating: 0, count: rows)
                for row in 0..<rows { for i in 0..<width { projected[row] += centred[row * width + i] * mean[i] } }
                root.solve(&projected)
                for row in 0..<rows { for i in 0..<width { solved[i] -= centred[row * width + i] * projected[row] } }
            }
            var product = 0.0
            for i in 0..<width {
                solved[i] /= ridge
                product += solved[i] * mean[i]
                weights[label * width + i] = Float(solved[i])
            }
            bias[label] = Float(-product / 2)
        }
        return LinearClassifier(classes: classes, width: width, weights: weights, bias: bias)
    }

    /// What the shrunk covariance is made of: ridge I + factor XᵀX of the centred rows X.
    private static func shrinkage(_ centred: [Double], rows: Int, width: Int) -> (ridge: Double, factor: Double) {
        let n = Double(max(rows, 1))
        // ‖S‖² by the Gram matrix, which is the smaller one.
        var (squareNorm, fourth, trace) = (0.0, 0.0, 0.0)
        for a in 0..<rows {
            for b in 0..<rows {
                var sum = 0.0
                for i in 0..<width { sum += centred[a * width + i] * centred[b * width + i] }
                squareNorm += sum * sum / (n * n)
                if a == b {
                    trace += sum / n
                    fourth += sum * sum
                }
            }
        }
        let mu = trace / Double(width)
        guard mu > 0 else { return (1, 0) }
        let distance = squareNorm - trace * mu
        let error = min((fourth / n - squareNorm) / n, distance)
        let shrinkage = distance > 0 ? max(0, min(1, error / distance)) : 1
        // A covariance of fewer rows than columns has no inverse without any.
        let used = max(shrinkage, 1e-3)
        return (used * mu, (1 - used) / n)
    }
}

/// The lower triangle L with L Lᵀ = a, of a symmetric matrix with positive eigenvalues.
struct Cholesky {
    private let lower: [Double]
    private let size: Int

    init?(_ matrix: [Double], size: Int) {
        var lower = matrix
        for column in 0..<size {
            for row in column..<size {
                var sum = lower[row * size + column]
                for i in 0..<column { sum -= lower[row * size + i] * lower[column * size + i] }
                if row == column {
                    guard sum > 0 else { return nil }
                    lower[row * size + column] = sum.squareRoot()
                } else {
                    lower[row * size + column] = sum / lower[column * size + column]
                }
            }
        }
        (self.lower, self.size) = (lower, size)
    }

    /// Replaces b by the solution x of a x = b.
    func solve(_ b: inout [Double]) {
        for row in 0..<size {
            for i in 0..<row { b[row] -= lower[row * size + i] * b[i] }
            b[row] /= lower[row * size + row]
        }
        for row in stride(from: size - 1, through: 0, by: -1) {
            for i in (row + 1)..<max(size, row + 1) { b[row] -= lower[i * size + row] * b[i] }
            b[row] /= lower[row * size + row]
        }
    }
}
