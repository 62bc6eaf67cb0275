import Testing

@testable import Modeling

@Suite struct LabelMatchTests {
    @Test(
        arguments: [
            (["neg", "pos"], ["pos", "neg"], [1, 0]), (["0", "1"], ["LABEL_0", "LABEL_1"], [0, 1]),
            (["LABEL_1", "LABEL_0"], ["0", "1"], [1, 0]), (["a", "b", "c"], ["c", "a"], [1, nil, 0]),
            (["x", "y"], ["LABEL_0", "LABEL_1"], [nil, nil]), (["0", "00"], ["LABEL_0", "LABEL_00"], [0, nil]),
            // A label of the same name is nearer than a number.
            (["0", "LABEL_0"], ["LABEL_0", "x"], [nil, 0]), (["Pos"], ["pos"], [nil]), ([], ["a"], []),
            (["1"], ["1", "LABEL_1"], [0]),
        ] as [([String], [String], [Int?])])
    func `rows are found by name, and numbers by LABEL_n`(labels: [String], known: [String], rows: [Int?]) {
        #expect(LabelMatch.rows(of: labels, among: known) == rows)
    }
}
