/// Scores of examples by classifiers that have not seen them.
public enum CrossValidation {
    /// The scores of all examples, each by the classifier of the other folds.
    ///
    /// - Parameters:
    ///   - folds: The fold of each example.
    ///   - fit: Learns from some examples and scores others, both by number.
    public static func scores(
        _ labels: [Int], folds: [Int], classes: Int, _ fit: (_ train: [Int], _ held: [Int]) -> ScoreMatrix
    ) -> ScoreMatrix {
        precondition(folds.count == labels.count)
        var result = ScoreMatrix(rows: labels.count, classes: classes)
        for fold in Set(folds).sorted() {
            let held = labels.indices.filter { folds[$0] == fold }
            let scores = fit(labels.indices.filter { folds[$0] != fold }, held)
            for (row, example) in held.enumerated() {
                for label in 0..<classes { result[example, label] = scores[row, label] }
            }
        }
        return result
    }
}
