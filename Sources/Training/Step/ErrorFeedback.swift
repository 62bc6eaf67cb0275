import Modeling
import Numerics

/// What rounding on the wire has lost so far and this rank still has to give, kept from step to step: error feedback
/// (Seide et al., "1-bit stochastic gradient descent", 2014; Karimireddy et al., 2019).
///
/// The residual of the dense part of the gradient stands at its places. The rows of the word embedding move from step
/// to step in the compact gradient, so theirs are kept by row, copied in before a step and out after it.
final class ErrorFeedback {
    /// As long as the longest flat gradient.
    private let residual: FloatBuffer
    /// By row of the word embedding.
    private let table: FloatBuffer
    private let denseCount: Int
    private let rowWidth: Int

    /// Zero residuals for gradients of this layout.
    convenience init(_ layout: ParameterLayout) {
        self.init(
            denseCount: layout.denseCount, rowCount: layout.rowTable?.rowCount ?? 0,
            rowWidth: layout.rowTable?.rowWidth ?? 0)
    }

    /// Zero residuals for gradients of `denseCount` floats that end with some of `rowCount` rows of `rowWidth` floats.
    /// Where the table is not trained there are no rows, whose width is 0 then.
    init(denseCount: Int, rowCount: Int, rowWidth: Int) {
        self.denseCount = denseCount
        self.rowWidth = rowWidth
        // Pages that are not touched cost nothing.
        residual = FloatBuffer(count: denseCount + rowCount * rowWidth)
        table = FloatBuffer(count: rowCount * rowWidth)
    }

    /// The residuals at the places of a flat gradient that ends with these rows, ascending and distinct; to be followed
    /// by ``end(rows:)`` with the same rows.
    func begin(rows: [Int32]) -> UnsafeMutablePointer<Float> {
        for (i, row) in rows.enumerated() {
            (residual.pointer + denseCount + i * rowWidth).update(
                from: table.pointer + Int(row) * rowWidth, count: rowWidth)
        }
        return residual.pointer
    }

    /// Keeps the residuals that the step has left for its rows.
    func end(rows: [Int32]) {
        for (i, row) in rows.enumerated() {
            (table.pointer + Int(row) * rowWidth).update(
                from: residual.pointer + denseCount + i * rowWidth, count: rowWidth)
        }
    }
}
