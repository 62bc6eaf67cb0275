import FewShot
import Foundation
import Testing

struct LexicalTests {
    private let reference = Reference.shared.lexical
    private var terms: [[String]] { reference.texts.map { LexicalTerms.terms($0) } }

    private func dense(_ rows: [LexicalView.Row], columns: Int) -> [Double] {
        rows.flatMap { row in
            var values = [Double](repeating: 0, count: columns)
            for (column, value) in zip(row.columns, row.values) { values[Int(column)] = value }
            return values
        }
    }

    @Test func `weights of terms are those of scikit-learn`() {
        let view = LexicalView(fitting: terms)
        #expect(view.terms == reference.terms)
        #expect(difference(view.weights, reference.idf) < 1e-12)
        #expect(difference(dense(terms.map { view.row($0) }, columns: view.terms.count), reference.rows) < 1e-12)
        let unseen = view.row(LexicalTerms.terms("Wheat of a NEW port"))
        #expect(difference(dense([unseen], columns: view.terms.count), reference.unseen) < 1e-12)
    }

    @Test func `ridge regression is that of scikit-learn`() {
        let view = LexicalView(fitting: terms)
        var targets = ScoreMatrix(rows: reference.texts.count, classes: 3)
        for row in 0..<targets.rows {
            for label in 0..<3 { targets[row, label] = reference.targets[row * 3 + label] * reference.weights[row] }
        }
        let found = RidgeRegression(regularization: 0.3).fit(
            terms.map { view.row($0) }, columns: view.terms.count, targets: targets)
        #expect(difference(found.weights, reference.coefficients) < 1e-6)
        #expect(difference(found.bias, reference.intercept) < 1e-6)
    }

    @Test(arguments: [
        ("The ship's 12 PORTS, a x", ["ship", "12", "ports"]), ("", []), ("of the and", []),
        ("我喜欢书", ["我喜", "喜欢", "欢书"]), ("用 Swift 写", ["用", "swift", "写"]), ("Straße_1", ["straße_1"]),
        ("data\u{0}base\nx1", ["data", "base", "x1"]), ("👍👍 good", ["good"]), ("한국어", ["한국", "국어"]),
    ])
    func `texts are cut into terms`(text: String, expected: [String]) {
        #expect(LexicalTerms.terms(text) == expected)
    }

    @Test func `a text without known terms has an empty row and the scores of the bias`() {
        let view = LexicalView(fitting: [["a1"], ["b1"]])
        let row = view.row(["c1"])
        #expect(row.columns.isEmpty)
        let ridge = RidgeRegression(regularization: 1).fit(
            [view.row(["a1"]), view.row(["b1"])], columns: 2, targets: .oneHot([0, 1], classes: 2))
        #expect(difference(ridge.scores([row]).values, ridge.bias) == 0)
    }
}
