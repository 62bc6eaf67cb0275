/// How often each class was taken for each.
public struct ConfusionMatrix: Sendable, Equatable {
    /// `rows[truth][prediction]`.
    public private(set) var rows: [[Int]]

    /// An empty matrix over `classes` classes.
    init(classes: Int) {
        rows = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    }

    /// The number of classes.
    public var classes: Int { rows.count }

    /// The number of predictions.
    public var total: Int { rows.reduce(0) { $0 + $1.reduce(0, +) } }

    /// Counts `count` predictions.
    mutating func add(truth: Int, prediction: Int, count: Int) { rows[truth][prediction] += count }

    /// The samples of class `label`.
    func support(_ label: Int) -> Int { rows[label].reduce(0, +) }

    /// How often `label` was predicted.
    func predicted(_ label: Int) -> Int { rows.reduce(0) { $0 + $1[label] } }
}
