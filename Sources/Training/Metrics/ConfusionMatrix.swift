/// How often each class was taken for each: what all the metrics are made from. Parts counted by different workers add
/// up.
public struct ConfusionMatrix: Sendable, Codable, Equatable {
    /// `rows[truth][prediction]`.
    public private(set) var rows: [[Int]]

    /// An empty matrix over `classes` classes.
    public init(classes: Int) {
        rows = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    }

    /// The number of classes.
    public var classes: Int { rows.count }

    /// The number of predictions.
    public var total: Int { rows.reduce(0) { $0 + $1.reduce(0, +) } }

    /// Counts one prediction.
    public mutating func add(truth: Int, prediction: Int) { rows[truth][prediction] += 1 }

    /// Adds the counts of `other`, which must have the same classes.
    public mutating func add(_ other: ConfusionMatrix) {
        precondition(other.classes == classes, "matrices over the same classes")
        for truth in rows.indices {
            for prediction in rows.indices { rows[truth][prediction] += other.rows[truth][prediction] }
        }
    }

    /// The samples of class `label`.
    func support(_ label: Int) -> Int { rows[label].reduce(0, +) }

    /// How often `label` was predicted.
    func predicted(_ label: Int) -> Int { rows.reduce(0) { $0 + $1[label] } }
}
