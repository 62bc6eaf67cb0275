import Foundation

/// Student's t distribution ("The probable error of a mean", 1908).
enum StudentT {
    /// The number that a variable of so many degrees of freedom exceeds with the probability (1 - `confidence`) / 2.
    static func quantile(confidence: Double, degrees: Int) -> Double {
        precondition(degrees > 0 && confidence > 0 && confidence < 1)
        var (low, high) = (0.0, 1.0)
        while twoSided(high, degrees) > 1 - confidence { high *= 2 }
        for _ in 0..<200 where high - low > 1e-12 * high {
            let middle = (low + high) / 2
            if twoSided(middle, degrees) > 1 - confidence { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The probability of |t| or more: the regularized incomplete beta function of ν / (ν + t²) with ν / 2 and 1 / 2.
    static func twoSided(_ t: Double, _ degrees: Int) -> Double {
        let n = Double(degrees)
        return beta(n / (n + t * t), n / 2, 0.5)
    }

    /// The regularized incomplete beta function by its continued fraction (Press et al., "Numerical Recipes", 6.4).
    private static func beta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0, x < 1 else { return x <= 0 ? 0 : 1 }
        let logBeta: Double = lgamma(a) + lgamma(b) - lgamma(a + b)
        let front: Double = exp(a * log(x) + b * log(1 - x) - logBeta)
        guard x < (a + 1) / (a + b + 2) else { return 1 - front * fraction(1 - x, b, a) / b }
        return front * fraction(x, a, b) / a
    }

    /// By the method of Lentz (1976).
    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        func nonzero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / nonzero(1 - (a + b) * x / (a + 1))
        var result = d
        for i in 1...500 {
            let m = Double(i)
            let place: Double = a + 2 * m
            let even: Double = m * (b - m) * x / ((place - 1) * place)
            d = 1 / nonzero(1 + even * d)
            c = nonzero(1 + even / c)
            result *= d * c
            let odd: Double = -(a + m) * (a + b + m) * x / (place * (place + 1))
            d = 1 / nonzero(1 + odd * d)
            c = nonzero(1 + odd / c)
            result *= d * c
            if abs(d * c - 1) < 1e-15 { break }
        }
        return result
    }
}
