import Foundation

/// A number for each text and class, such as logits or log probabilities: row after row.
public struct ScoreMatrix: Sendable, Equatable {
    /// Texts.
    public let rows: Int
    /// Classes.
    public let classes: Int
    /// (rows, classes).
    public var values: [Double]

    /// Numbers of texts, all `initial`.
    public init(rows: Int, classes: Int, repeating initial: Double = 0) {
        precondition(rows >= 0 && classes > 0)
        (self.rows, self.classes) = (rows, classes)
        values = [Double](repeating: initial, count: rows * classes)
    }

    /// The rows of several matrices with as many classes, one below the other.
    init(stacking parts: [ScoreMatrix]) {
        self.init(rows: parts.reduce(0) { $0 + $1.rows }, classes: parts.first?.classes ?? 1)
        values = parts.flatMap(\.values)
    }

    /// The number of a text and a class.
    public subscript(row: Int, label: Int) -> Double {
        get { values[row * classes + label] }
        set { values[row * classes + label] = newValue }
    }

    /// The class with the largest number in each row; of equal ones the first.
    public func best() -> [Int] {
        (0..<rows).map { row in
            var best = 0
            for label in 1..<max(classes, 1) where self[row, label] > self[row, best] { best = label }
            return best
        }
    }

    /// The logarithm of the softmax of each row.
    public func logSoftmax() -> ScoreMatrix {
        var result = self
        for row in 0..<rows {
            let range = (row * classes)..<((row + 1) * classes)
            let largest = values[range].max() ?? 0
            let sum = values[range].reduce(0) { $0 + exp($1 - largest) }
            let shift = largest + log(sum)
            for i in range { result.values[i] = values[i] - shift }
        }
        return result
    }

    /// The softmax of each row.
    public func softmax() -> ScoreMatrix {
        var result = logSoftmax()
        for i in result.values.indices { result.values[i] = exp(result.values[i]) }
        return result
    }

    /// These numbers, and `factor` times those of `other`.
    public func adding(_ other: ScoreMatrix, times factor: Double = 1) -> ScoreMatrix {
        precondition(rows == other.rows && classes == other.classes)
        var result = self
        for i in result.values.indices { result.values[i] += factor * other.values[i] }
        return result
    }

    /// All numbers times `factor`.
    public func scaled(by factor: Double) -> ScoreMatrix {
        var result = self
        for i in result.values.indices { result.values[i] *= factor }
        return result
    }

    /// Some of the rows, in the order given.
    public func selecting(_ indices: [Int]) -> ScoreMatrix {
        var result = ScoreMatrix(rows: indices.count, classes: classes)
        for (row, index) in indices.enumerated() {
            for label in 0..<classes { result[row, label] = self[index, label] }
        }
        return result
    }

    /// The mean of -log softmax of the right classes.
    public func crossEntropy(_ labels: [Int]) -> Double {
        precondition(labels.count == rows)
        let logs = logSoftmax()
        var sum = 0.0
        for (row, label) in labels.enumerated() { sum -= logs[row, label] }
        return rows == 0 ? 0 : sum / Double(rows)
    }

    /// The share of rows whose largest number is that of the right class.
    public func accuracy(_ labels: [Int]) -> Double {
        precondition(labels.count == rows)
        let right = zip(best(), labels).count { $0 == $1 }
        return rows == 0 ? 0 : Double(right) / Double(rows)
    }
}
