import FewShot
import Numerics
import Testing

/// Texts to label next.
struct LabelQueriesTests {
    private func matrix(_ rows: [[Double]]) -> ScoreMatrix {
        var matrix = ScoreMatrix(rows: rows.count, classes: rows[0].count)
        matrix.values = rows.flatMap { $0 }
        return matrix
    }

    private func features(_ rows: [[Float]]) -> FeatureMatrix {
        FeatureMatrix(rows: rows.count, width: rows[0].count, values: rows.flatMap { $0 })
    }

    @Test func `uncertainty is 1 less the margin`() {
        let found = LabelQueries.uncertainties(
            matrix([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.5, 0.5, 0], [0, 0, 1]]))
        #expect(found == [0.75, 0.375, 1, 0])
    }

    @Test func `the most unsure comes first, then what is unsure and far from what was chosen`() {
        let probabilities = matrix([[0.9, 0.1], [0.5, 0.5], [0.51, 0.49], [0.6, 0.4], [0.2, 0.8]])
        // 1 and 2 are nearly the same text; 3 is another one, and 0 lies opposite of 1.
        let places = features([[-2, 0], [1, 0], [1, 0.01], [0, 3], [0, -1]])
        // 0: 0.2 * 4, 2: 0.98 * 0.0001, 3: 0.8 * 2, 4: 0.4 * 2; then 0: 0.2 * 2, 4: 0.4 * 2.
        #expect(LabelQueries.choose(probabilities, places, count: 3) == [1, 3, 4])
        #expect(LabelQueries.choose(probabilities, places, count: 9) == [1, 3, 4, 0, 2])
        #expect(LabelQueries.choose(probabilities, places, count: 0) == [])
    }

    @Test func `of texts alike the first is taken, and all are taken in the end`() {
        let same = matrix([[0.5, 0.5], [0.5, 0.5], [0.75, 0.25]])
        #expect(LabelQueries.choose(same, features([[1, 0], [2, 0], [3, 0]]), count: 3) == [0, 1, 2])
        #expect(LabelQueries.choose(matrix([[1, 0], [1, 0]]), features([[0, 0], [0, 0]]), count: 2) == [0, 1])
    }
}
