import Foundation

/// Finds the minimum of a smooth convex function by the method of Broyden, Fletcher, Goldfarb and Shanno with limited
/// memory (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989).
///
/// Steps are halved until the function falls enough (Armijo 1966). Of a convex function the gradient never falls along
/// a step, which is the other condition that the method needs.
struct LimitedMemoryBFGS {
    /// Pairs of steps and changes of the gradient that are kept.
    var memory = 10
    /// The most steps.
    var maxIterations = 1000
    /// It ends where no part of the gradient is larger.
    var gradientTolerance = 1e-4

    /// How it ended.
    enum Outcome: Equatable {
        /// The gradient is small enough.
        case converged
        /// No shorter step makes the function smaller: it is as small as the precision of its values allows.
        case exhaustedPrecision
        /// There were `maxIterations` steps.
        case reachedLimit
    }

    private struct Pair {
        var step: [Double]
        var change: [Double]
        /// 1 over their product.
        var rho: Double
    }

    /// Moves `x` to the minimum.
    ///
    /// - Parameter evaluate: The function's value at a point; writes its gradient there.
    @discardableResult
    func minimize(_ x: inout [Double], _ evaluate: ([Double], inout [Double]) -> Double) -> Outcome {
        var gradient = [Double](repeating: 0, count: x.count)
        var value = evaluate(x, &gradient)
        var pairs: [Pair] = []
        for _ in 0..<maxIterations {
            guard gradient.contains(where: { abs($0) > gradientTolerance }) else { return .converged }
            var direction = newtonDirection(gradient, pairs)
            var slope = Vectors.dot(direction, gradient)
            if !(slope < 0) {
                // Rounding has spoilt the memory.
                pairs = []
                direction = negated(gradient)
                slope = -Vectors.dot(gradient, gradient)
            }
            var length = pairs.isEmpty ? min(1, 1 / Vectors.dot(gradient, gradient).squareRoot()) : 1
            var next = x
            var nextGradient = gradient
            var nextValue = value
            var isShorter = false
            for _ in 0..<40 {
                next = Vectors.sum(x, length, direction)
                nextValue = evaluate(next, &nextGradient)
                if nextValue <= value + 1e-4 * length * slope {
                    isShorter = true
                    break
                }
                length /= 2
            }
            guard isShorter, nextValue < value else { return .exhaustedPrecision }
            let step = Vectors.sum(next, -1, x)
            let change = Vectors.sum(nextGradient, -1, gradient)
            let product = Vectors.dot(step, change)
            let squares = (step: Vectors.dot(step, step), change: Vectors.dot(change, change))
            if product > 1e-12 * squares.change.squareRoot() * squares.step.squareRoot() {
                pairs.append(Pair(step: step, change: change, rho: 1 / product))
                if pairs.count > memory { pairs.removeFirst() }
            }
            (x, gradient, value) = (next, nextGradient, nextValue)
        }
        return .reachedLimit
    }

    /// The two loops of the paper: minus the inverse Hessian, as the pairs know it, times the gradient.
    private func newtonDirection(_ gradient: [Double], _ pairs: [Pair]) -> [Double] {
        var direction = negated(gradient)
        var shares: [Double] = []
        for pair in pairs.reversed() {
            let share = pair.rho * Vectors.dot(pair.step, direction)
            shares.append(share)
            Vectors.add(-share, pair.change, to: &direction)
        }
        if let last = pairs.last {
            let scale = 1 / (last.rho * Vectors.dot(last.change, last.change))
            direction = scaled(direction, by: scale)
        }
        for (pair, share) in zip(pairs, shares.reversed()) {
            let back = pair.rho * Vectors.dot(pair.change, direction)
            Vectors.add(share - back, pair.step, to: &direction)
        }
        return direction
    }

    private func negated(_ vector: [Double]) -> [Double] { scaled(vector, by: -1) }

    private func scaled(_ vector: [Double], by factor: Double) -> [Double] {
        Vectors.sum([Double](repeating: 0, count: vector.count), factor, vector)
    }
}
