import Foundation

/// Probabilities of texts that are nearest to given ones and have given shares of classes: rows and columns are scaled
/// in turn (Sinkhorn and Knopp 1967; Cuturi, "Sinkhorn distances", 2013).
public enum SinkhornBalancing {
    /// The probabilities of texts whose columns sum to `shares` of all texts.
    public static func balance(_ logProbabilities: ScoreMatrix, shares: [Double], iterations: Int = 200) -> ScoreMatrix
    {
        let (rows, classes) = (logProbabilities.rows, logProbabilities.classes)
        precondition(shares.count == classes)
        guard rows > 0 else { return logProbabilities }
        var columnShift = [Double](repeating: 0, count: classes)
        var result = logProbabilities
        for _ in 0..<iterations {
            for row in 0..<rows {
                for label in 0..<classes { result[row, label] = logProbabilities[row, label] + columnShift[label] }
            }
            result = result.softmax()
            var largest = 0.0
            for label in 0..<classes {
                var sum = 0.0
                for row in 0..<rows { sum += result[row, label] }
                let shift = log(max(shares[label], 1e-12) * Double(rows)) - log(max(sum, 1e-300))
                columnShift[label] += shift
                largest = max(largest, abs(shift))
            }
            if largest < 1e-6 { break }
        }
        return result
    }
}
