import CKernels

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
        var gram = self.gram(centred, rows: rows, width: width)
        let (ridge, factor) = shrinkage(gram, rows: rows, width: width)
        // Σ = ridge I + factor XᵀX, so Σ⁻¹ m = (m - Xᵀ (XXᵀ + ridge / factor)⁻¹ X m) / ridge (Woodbury): a system of as
        // many unknowns as there are examples.
        let isShrunk = factor > 0
        if isShrunk { for a in 0..<rows { gram[a * rows + a] += ridge / factor } }
        let root = isShrunk ? Cholesky(gram, size: rows) : nil
        var weights = [Float](repeating: 0, count: classes * width)
        var bias = [Float](repeating: 0, count: classes)
        for label in 0..<classes {
            let mean = Array(means[(label * width)..<((label + 1) * width)])
            var solved = mean
            if let root {
                var projected = products(centred, rows: rows, width: width, with: mean)
                root.solve(&projected)
                subtract(projected, of: centred, width: width, from: &solved)
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

    /// XXᵀ of the rows X.
    private static func gram(_ values: [Double], rows: Int, width: Int) -> [Double] {
        var gram = [Double](repeating: 0, count: rows * rows)
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for a in 0..<rows {
                for b in 0...a {
                    let sum = shoal_dot_double(start + a * width, start + b * width, width)
                    gram[a * rows + b] = sum
                    gram[b * rows + a] = sum
                }
            }
        }
        return gram
    }

    /// The product of each row with a vector.
    private static func products(_ values: [Double], rows: Int, width: Int, with vector: [Double]) -> [Double] {
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return [] }
            return (0..<rows).map { shoal_dot_double(start + $0 * width, vector, width) }
        }
    }

    /// Takes rows, each as often as `factors` says, from a vector.
    private static func subtract(_ factors: [Double], of values: [Double], width: Int, from vector: inout [Double]) {
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for (row, factor) in factors.enumerated() {
                shoal_add_scaled_double(&vector, -factor, start + row * width, width)
            }
        }
    }

    /// What the shrunk covariance is made of: ridge I + factor XᵀX of the centred rows X, whose Gram matrix XXᵀ has the
    /// same norm and is the smaller one.
    private static func shrinkage(_ gram: [Double], rows: Int, width: Int) -> (ridge: Double, factor: Double) {
        let n = Double(max(rows, 1))
        let squareNorm = Vectors.dot(gram, gram) / (n * n)
        var (fourth, trace) = (0.0, 0.0)
        for a in 0..<rows {
            let square = gram[a * rows + a]
            trace += square / n
            fourth += square * square
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
    /// Row after row; above the diagonal is what was there.
    private let lower: [Double]
    private let size: Int

    init?(_ matrix: [Double], size: Int) {
        var lower = matrix
        let isPositive = lower.withUnsafeMutableBufferPointer { lower in
            guard let start = lower.baseAddress else { return true }
            for row in 0..<size {
                for column in 0...row {
                    let product = shoal_dot_double(start + row * size, start + column * size, column)
                    let rest = start[row * size + column] - product
                    if row > column {
                        start[row * size + column] = rest / start[column * size + column]
                    } else if rest > 0 {
                        start[row * size + row] = rest.squareRoot()
                    } else {
                        return false
                    }
                }
            }
            return true
        }
        guard isPositive else { return nil }
        (self.lower, self.size) = (lower, size)
    }

    /// Replaces b by the solution x of a x = b.
    func solve(_ b: inout [Double]) {
        precondition(b.count == size)
        lower.withUnsafeBufferPointer { lower in
            b.withUnsafeMutableBufferPointer { b in
                guard let lower = lower.baseAddress, let b = b.baseAddress else { return }
                for row in 0..<size {
                    b[row] = (b[row] - shoal_dot_double(lower + row * size, b, row)) / lower[row * size + row]
                }
                // By rows, too, whose numbers lie side by side.
                for row in (0..<size).reversed() {
                    b[row] /= lower[row * size + row]
                    shoal_add_scaled_double(b, -b[row], lower + row * size, row)
                }
            }
        }
    }
}
