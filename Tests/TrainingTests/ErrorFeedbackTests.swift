import Testing

@testable import Training

@Suite struct ErrorFeedbackTests {
    /// Five dense floats, and a table of six rows of two.
    private let feedback = ErrorFeedback(denseCount: 5, rowCount: 6, rowWidth: 2)

    private func residuals(_ pointer: UnsafeMutablePointer<Float>, rows: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: pointer, count: 5 + rows * 2))
    }

    /// What a reducer does: replaces every residual by another number, here one that says where it belongs.
    private func leave(_ pointer: UnsafeMutablePointer<Float>, _ rows: [Int32], step: Float) {
        for i in 0..<5 { pointer[i] = step * 1000 + Float(i) }
        for (i, row) in rows.enumerated() {
            for column in 0..<2 { pointer[5 + i * 2 + column] = step * 1000 + 100 + Float(row) * 10 + Float(column) }
        }
    }

    @Test func `nothing is owed at first`() {
        #expect(residuals(feedback.begin(rows: [0, 3, 5]), rows: 3).allSatisfy { $0 == 0 })
    }

    @Test func `a row finds its own residual wherever it stands in the gradient`() {
        leave(feedback.begin(rows: [1, 3, 4]), [1, 3, 4], step: 1)
        feedback.end(rows: [1, 3, 4])
        let next = feedback.begin(rows: [0, 3, 5])
        let dense = (0..<5).map { Float(1000 + $0) }
        #expect(residuals(next, rows: 3) == dense + [0, 0] + [1130, 1131] + [0, 0])
        leave(next, [0, 3, 5], step: 2)
        feedback.end(rows: [0, 3, 5])
        // Rows 1 and 4 were not in the second step: theirs are of the first.
        #expect(
            residuals(feedback.begin(rows: [0, 1, 2, 3, 4, 5]), rows: 6)
                == (0..<5).map { Float(2000 + $0) }
                + [2100, 2101, 1110, 1111, 0, 0, 2130, 2131, 1140, 1141, 2150, 2151])
    }

    @Test func `a step without rows leaves those of the table alone`() {
        leave(feedback.begin(rows: [2]), [2], step: 1)
        feedback.end(rows: [2])
        leave(feedback.begin(rows: []), [], step: 2)
        feedback.end(rows: [])
        #expect(residuals(feedback.begin(rows: [2]), rows: 1) == (0..<5).map { Float(2000 + $0) } + [1120, 1121])
    }
}
