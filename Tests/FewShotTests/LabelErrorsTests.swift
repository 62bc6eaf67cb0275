import FewShot
import Numerics
import Testing

/// Labels that are probably wrong.
struct LabelErrorsTests {
    private func matrix(_ rows: [[Double]]) -> ScoreMatrix {
        var matrix = ScoreMatrix(rows: rows.count, classes: rows[0].count)
        matrix.values = rows.flatMap { $0 }
        return matrix
    }

    @Test func `the estimate and the order are those of the definition`() {
        // Self-confidences 0.9, 0.8, 0.1 of class 0 (mean 0.6) and 0.7, 0.9, 0.35, 0.8 of class 1 (mean 0.69).
        let probabilities = matrix([
            [0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9], [0.65, 0.35], [0.2, 0.8],
        ])
        let found = LabelErrors(probabilities, labels: [0, 0, 0, 1, 1, 1, 1])
        // Row 2 counts as class 1, row 5 as class 0: 3 * 1/3 + 4 * 1/4.
        #expect(found.estimate == 2)
        #expect(found.candidates.map(\.row) == [2, 5])
        let first = found.candidates[0]
        #expect(first.given == 0 && first.proposed == 1)
        #expect(first.givenProbability == 0.1 && first.proposedProbability == 0.9)
        // One that counts as nothing says nothing of the share: 0.55 is below 0.6 as 0.45 is below 0.64.
        let unsure = LabelErrors(matrix(probabilities.rowsOfTwo + [[0.55, 0.45]]), labels: [0, 0, 0, 1, 1, 1, 1, 1])
        #expect(unsure.candidates.map(\.row) == [2, 5, 7] && unsure.estimate == 2)
        let calm = LabelErrors(matrix([[0.9, 0.1], [0.2, 0.8]]), labels: [0, 1])
        #expect(calm.estimate == 0 && calm.candidates.isEmpty)
    }

    @Test func `labels that were flipped come first`() {
        var random = PhiloxStream(seed: 4, purpose: .split)
        let (perClass, classes, width) = (40, 4, 8)
        var (values, truth) = ([Float](), [Int]())
        for label in 0..<classes {
            for _ in 0..<perClass {
                for column in 0..<width {
                    values.append(Float((column == label ? 2 : 0) + 2 * (Double(random.nextUnit()) - 0.5)))
                }
                truth.append(label)
            }
        }
        let features = FeatureMatrix(rows: truth.count, width: width, values: values)
        var labels = truth
        let flipped = [3, 17, 41, 66, 90, 118, 130, 155]
        for row in flipped { labels[row] = (labels[row] + 1 + row % 3) % classes }
        let probabilities = LabelErrors.heldOutProbabilities(features, labels: labels, classes: classes, seed: 1)
        for row in 0..<truth.count {
            #expect(abs((0..<classes).reduce(0) { $0 + probabilities[row, $1] } - 1) < 1e-9)
        }
        let found = LabelErrors(probabilities, labels: labels)
        #expect(found.candidates.prefix(8).map(\.row).sorted() == flipped)
        #expect(found.candidates.prefix(8).allSatisfy { $0.proposed == truth[$0.row] && $0.given == labels[$0.row] })
        #expect((4...12).contains(found.estimate), "\(found.estimate)")
        #expect(
            LabelErrors.heldOutProbabilities(features, labels: labels, classes: classes, seed: 1) == probabilities)
        #expect(LabelErrors(probabilities, labels: truth).candidates.count < 6)
    }
}

extension ScoreMatrix {
    fileprivate var rowsOfTwo: [[Double]] { (0..<rows).map { [self[$0, 0], self[$0, 1]] } }
}
