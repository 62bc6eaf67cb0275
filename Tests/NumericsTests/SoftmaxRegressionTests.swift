import CKernels
import Foundation
import Numerics
import Testing

/// The loops of softmax regression, against plain ones.
@Suite struct SoftmaxRegressionTests {
    private static func numbers(_ count: Int, seed: UInt64, scale: Double = 1) -> [Double] {
        var random = PhiloxStream(seed: seed, purpose: .split)
        return (0..<count).map { _ in scale * (random.nextUnit() - 0.5) }
    }

    @Test(arguments: [(1, 2), (3, 1), (5, 16), (7, 33), (2, 150)], [1.0, 40, 3000])
    func `residuals are those of a softmax`(_ shape: (rows: Int, classes: Int), scale: Double) {
        let (rows, classes) = shape
        let start = Self.numbers(rows * classes, seed: 1, scale: scale).map { Float($0) }
        let bias = Self.numbers(classes, seed: 2)
        // Some rows are of a class, some of several to a part, one of none.
        var targets = Self.numbers(rows * classes, seed: 3).map { $0 > 0.2 ? $0 : 0 }
        for label in 0..<classes { targets[label] = 0 }
        let weights = (0..<rows).map { row in targets[(row * classes)..<((row + 1) * classes)].reduce(0, +) }
        var (logits, terms) = (start, [Double](repeating: 0, count: classes))
        // It is added to.
        var biasGradient = [Double](repeating: 1, count: classes)
        let value = shoal_softmax_residuals(
            &logits, bias, targets, weights, 3, &biasGradient, &terms, rows, classes)
        var expected = 0.0
        var sums = [Double](repeating: 1, count: classes)
        for row in 0..<rows {
            let scores = (0..<classes).map { Double(start[row * classes + $0]) + bias[$0] }
            let largest = scores.max() ?? 0
            let total = scores.reduce(0) { $0 + exp($1 - largest) }
            for label in 0..<classes {
                let target = targets[row * classes + label]
                if target != 0 { expected -= 3 * target * (scores[label] - largest - log(total)) }
                let d = 3 * (weights[row] * exp(scores[label] - largest) / total - target)
                sums[label] += d
                #expect(abs(Double(logits[row * classes + label]) - d) <= 1e-6 * max(1, abs(d)))
            }
        }
        #expect(abs(value - expected) <= 1e-12 * max(1, abs(expected)))
        for label in 0..<classes { #expect(abs(biasGradient[label] - sums[label]) <= 1e-12 * Double(rows + 1) * 10) }
    }

    @Test(arguments: [0, 1, 15, 16, 17, 100, 1001])
    func `vectors are added and multiplied, whatever their length`(count: Int) {
        let (a, b) = (Self.numbers(count, seed: 4), Self.numbers(count, seed: 5))
        let dot = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(shoal_dot_double(a, b, count) - dot) < 1e-12)
        var sum = a
        shoal_add_scaled_double(&sum, -2.5, b, count)
        #expect(zip(sum, zip(a, b)).allSatisfy { abs($0 - ($1.0 - 2.5 * $1.1)) < 1e-15 })
        var narrow = [Float](repeating: 7, count: count + 1)
        shoal_narrow_double(&narrow, a, count)
        #expect(Array(narrow.prefix(count)) == a.map { Float($0) } && narrow[count] == 7)
        let (mean, gradient) = (b.map { Float($0) }, Self.numbers(count, seed: 6).map { Float($0) })
        for mean in [mean, nil] {
            var out = [Double](repeating: 0, count: count)
            let square =
                mean.map { shoal_ridge_gradient(a, $0, gradient, &out, count) }
                ?? shoal_ridge_gradient(a, nil, gradient, &out, count)
            let differences = a.indices.map { a[$0] - Double(mean?[$0] ?? 0) }
            #expect(abs(square - differences.reduce(0) { $0 + $1 * $1 }) < 1e-12)
            #expect(a.indices.allSatisfy { abs(out[$0] - (Double(gradient[$0]) + differences[$0])) < 1e-15 })
        }
    }
}
