import Foundation

/// Ridge regression from sparse rows to numbers, such as 1 for the class of a text and 0 for others.
///
/// It minimizes Σ vᵢ ‖W xᵢ + b - yᵢ‖² + λ ‖W‖², with b the weighted mean of y - W x, by conjugate gradients (Hestenes
/// and Stiefel 1952), a system for each class.
public struct RidgeRegression: Sendable {
    /// λ.
    public var regularization: Double
    /// It ends where the residual is this much smaller than at its beginning.
    public var tolerance = 1e-8
    /// The most iterations of a class.
    public var maxIterations = 500

    /// A regression of this strength.
    public init(regularization: Double) { self.regularization = regularization }

    /// What it has learnt.
    public struct Solution: Sendable, Equatable {
        /// (classes, columns).
        public var weights: [Double]
        /// (classes).
        public var bias: [Double]
        /// Columns of a row.
        public var columns: Int

        /// These.
        ///
        /// - Parameters:
        ///   - weights: `bias.count * columns` numbers.
        public init(weights: [Double], bias: [Double], columns: Int) {
            precondition(weights.count == bias.count * columns)
            (self.weights, self.bias, self.columns) = (weights, bias, columns)
        }

        /// The numbers of texts.
        public func scores(_ rows: [LexicalView.Row]) -> ScoreMatrix {
            var result = ScoreMatrix(rows: rows.count, classes: bias.count)
            for (r, row) in rows.enumerated() {
                for label in bias.indices {
                    var sum = bias[label]
                    let start = label * columns
                    for (column, value) in zip(row.columns, row.values) { sum += value * weights[start + Int(column)] }
                    result[r, label] = sum
                }
            }
            return result
        }
    }

    /// The solution of these examples.
    ///
    /// - Parameters:
    ///   - targets: y times what the row counts for.
    ///   - rowWeights: What each row counts for; nil for the sum of its targets, as of classes.
    public func fit(
        _ rows: [LexicalView.Row], columns: Int, targets: ScoreMatrix, rowWeights: [Double]? = nil
    ) -> Solution {
        precondition(rows.count == targets.rows)
        let classes = targets.classes
        let weights =
            rowWeights ?? (0..<rows.count).map { row in (0..<classes).reduce(0) { $0 + targets[row, $1] } }
        let total = weights.reduce(0, +)
        var solution = Solution(
            weights: [Double](repeating: 0, count: classes * columns), bias: [Double](repeating: 0, count: classes),
            columns: columns)
        guard total > 0, columns > 0 else { return solution }
        var mean = [Double](repeating: 0, count: columns)
        for (row, weight) in zip(rows, weights) {
            for (column, value) in zip(row.columns, row.values) { mean[Int(column)] += weight * value / total }
        }
        let system = System(rows: rows, weights: weights, mean: mean, total: total, regularization: regularization)
        for label in 0..<classes {
            let targetMean = (0..<rows.count).reduce(0) { $0 + targets[$1, label] } / total
            // Xᵀ V (y - mean of y), X centred: the mean of X takes no part, for the weighted differences sum to 0.
            var right = [Double](repeating: 0, count: columns)
            for (r, row) in rows.enumerated() {
                let difference = targets[r, label] - weights[r] * targetMean
                for (column, value) in zip(row.columns, row.values) { right[Int(column)] += value * difference }
            }
            let found = solve(system, right)
            var bias = targetMean
            for column in 0..<columns {
                solution.weights[label * columns + column] = found[column]
                bias -= found[column] * mean[column]
            }
            solution.bias[label] = bias
        }
        return solution
    }

    /// Xᵀ V X + λ, with X centred.
    private struct System {
        let rows: [LexicalView.Row]
        let weights: [Double]
        let mean: [Double]
        let total: Double
        let regularization: Double

        func multiply(_ x: [Double]) -> [Double] {
            var result = x.map { $0 * regularization }
            var shift = 0.0
            for i in x.indices { shift += mean[i] * x[i] }
            for (row, weight) in zip(rows, weights) {
                var product = -shift
                for (column, value) in zip(row.columns, row.values) { product += value * x[Int(column)] }
                product *= weight
                for (column, value) in zip(row.columns, row.values) { result[Int(column)] += product * value }
            }
            // The weighted products sum to 0, so that the mean takes no part here either.
            return result
        }
    }

    private func solve(_ system: System, _ right: [Double]) -> [Double] {
        func dot(_ a: [Double], _ b: [Double]) -> Double {
            var sum = 0.0
            for i in a.indices { sum += a[i] * b[i] }
            return sum
        }
        var x = [Double](repeating: 0, count: right.count)
        var residual = right
        var direction = right
        var square = dot(residual, residual)
        let goal = square * tolerance * tolerance
        for _ in 0..<maxIterations where square > goal {
            let product = system.multiply(direction)
            let step = square / dot(direction, product)
            for i in x.indices {
                x[i] += step * direction[i]
                residual[i] -= step * product[i]
            }
            let next = dot(residual, residual)
            for i in x.indices { direction[i] = residual[i] + next / square * direction[i] }
            square = next
        }
        return x
    }
}
