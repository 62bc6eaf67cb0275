/// Features of texts, such as their embeddings: one row for each text, row after row.
public struct FeatureMatrix: Sendable, Equatable {
    /// Texts.
    public let rows: Int
    /// Features of a text.
    public let width: Int
    /// (rows, width).
    public let values: [Float]

    /// Rows of features.
    ///
    /// - Parameter values: `rows * width` numbers.
    public init(rows: Int, width: Int, values: [Float]) {
        precondition(rows >= 0 && width > 0 && values.count == rows * width)
        (self.rows, self.width, self.values) = (rows, width, values)
    }

    /// Some of the rows, in the order given.
    public func selecting(_ indices: [Int]) -> FeatureMatrix {
        var selected: [Float] = []
        selected.reserveCapacity(indices.count * width)
        for index in indices { selected += values[(index * width)..<((index + 1) * width)] }
        return FeatureMatrix(rows: indices.count, width: width, values: selected)
    }

    /// These rows, and those of `other` behind them.
    public func appending(_ other: FeatureMatrix) -> FeatureMatrix {
        precondition(width == other.width)
        return FeatureMatrix(rows: rows + other.rows, width: width, values: values + other.values)
    }
}
