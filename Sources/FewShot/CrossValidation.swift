import Numerics

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
        let splits = Self.splits(folds)
        return assemble(splits, splits.map { fit($0.train, $0.held) }, rows: labels.count, classes: classes)
    }

    /// The same by several ways to learn and several ways to cut folds, all of which can be learnt side by side: what
    /// comes out does not depend on the threads.
    ///
    /// - Parameters:
    ///   - ways: How many ways to learn there are.
    ///   - foldings: For each way to cut folds, the fold of each example.
    ///   - team: The threads; nil for this one alone.
    ///   - fit: Learns in the way of a number; called by several threads at a time.
    /// - Returns: The scores by way and by folding.
    public static func scores(
        _ labels: [Int], foldings: [[Int]], classes: Int, ways: Int, team: ThreadTeam?,
        _ fit: @Sendable (_ way: Int, _ train: [Int], _ held: [Int]) -> ScoreMatrix
    ) -> [[ScoreMatrix]] {
        let splits = foldings.map { Self.splits($0) }
        let tasks = (0..<ways).flatMap { way in
            splits.flatMap { $0.map { Task(way: way, split: $0) } }
        }
        let body: @Sendable (Task) -> ScoreMatrix = { fit($0.way, $0.split.train, $0.split.held) }
        var results = map(tasks, team, body)[...]
        return (0..<ways).map { _ in
            splits.map { splits in
                defer { results = results.dropFirst(splits.count) }
                return assemble(splits, Array(results.prefix(splits.count)), rows: labels.count, classes: classes)
            }
        }
    }

    /// `body` for each item, by the threads of a team or by this one; the results in the order of the items.
    static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ team: ThreadTeam?, _ body: @Sendable (Item) -> Result
    ) -> [Result] {
        team.map { $0.map(items) { _, item in body(item) } } ?? items.map(body)
    }

    /// A classifier to be learnt.
    private struct Task: Sendable {
        var way: Int
        var split: Split
    }

    /// A fold, and the other ones.
    private struct Split: Sendable {
        var train: [Int]
        var held: [Int]
    }

    private static func splits(_ folds: [Int]) -> [Split] {
        Set(folds).sorted().map { fold in
            Split(
                train: folds.indices.filter { folds[$0] != fold }, held: folds.indices.filter { folds[$0] == fold })
        }
    }

    private static func assemble(
        _ splits: [Split], _ scores: [ScoreMatrix], rows: Int, classes: Int
    ) -> ScoreMatrix {
        var result = ScoreMatrix(rows: rows, classes: classes)
        for (split, scores) in zip(splits, scores) {
            for (row, example) in split.held.enumerated() {
                let (from, to) = (row * classes, example * classes)
                result.values.replaceSubrange(to..<(to + classes), with: scores.values[from..<(from + classes)])
            }
        }
        return result
    }
}
