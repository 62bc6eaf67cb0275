import Foundation
import Numerics
import Training

/// What rounding on the wire has lost so far and this rank still has to give, kept from step to step.
///
/// The residual of the dense part of the gradient stands at its places. The rows of the word embedding move from step
/// to step in the flat gradient, so theirs are kept by row and brought in and out.
final class ErrorFeedback {
    /// As long as the longest flat gradient.
    private let residual: FloatBuffer
    private let table: FloatBuffer
    private let denseCount: Int
    private let rowWidth: Int

    /// No residuals, for the gradients of a replica.
    init(_ replica: ModelReplica) {
        denseCount = replica.layout.denseCount
        rowWidth = replica.layout.rowWidth
        let floats = replica.layout.rowCount * rowWidth
        // Pages that are not touched cost nothing.
        residual = FloatBuffer(count: denseCount + floats)
        table = FloatBuffer(count: floats)
    }

    /// The residuals at the places of a flat gradient that ends with these rows; to be given back by ``end(rows:)``.
    func begin(rows: [Int32]) -> UnsafeMutablePointer<Float> {
        for (i, row) in rows.enumerated() {
            (residual.pointer + denseCount + i * rowWidth).update(
                from: table.pointer + Int(row) * rowWidth, count: rowWidth)
        }
        return residual.pointer
    }

    /// Takes the residuals of the rows back.
    func end(rows: [Int32]) {
        for (i, row) in rows.enumerated() {
            (table.pointer + Int(row) * rowWidth).update(
                from: residual.pointer + denseCount + i * rowWidth, count: rowWidth)
        }
    }
}
