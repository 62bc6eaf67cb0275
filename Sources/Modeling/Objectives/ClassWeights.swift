/// How much each class counts in a loss.
public struct ClassWeights: Sendable, Codable, Equatable {
    /// One for each class, in the order of the outputs.
    public let values: [Double]
    /// What a weight may be, besides 0 for a class from which nothing is learnt.
    public static let allowed = 1e-6...1e9

    /// These weights.
    public init(_ values: [Double]) { self.values = values }

    /// `n / (C n_c)` for each of C classes, of which the c-th has n_c of the n examples: scikit-learn's `balanced`. A
    /// class without examples has weight 0.
    ///
    /// - Parameter counts: The examples of each class.
    public static func balanced(_ counts: [Int]) -> ClassWeights {
        let total = Double(counts.reduce(0, +))
        return ClassWeights(counts.map { $0 == 0 ? 0 : total / (Double(counts.count) * Double($0)) })
    }

    /// A list, as in `[0.5, 2]`.
    public init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([Double].self)
    }

    /// A list.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }

    /// Checks the bounds, and that there is a weight for each class.
    func validate(classes: Int) throws(ModelError) {
        guard values.count == classes else {
            throw .invalidModel("\(values.count) class weights, the model has \(classes) classes")
        }
        if let value = values.first(where: { $0 != 0 && !Self.allowed.contains($0) }) {
            throw .invalidModel("a class weight is \(value), must be 0 or in 0.000001 ... 1000000000")
        }
        guard values.contains(where: { $0 > 0 }) else { throw .invalidModel("all class weights are 0") }
    }

    /// The sum of the weights of `classes`.
    func sum(of classes: [Int32]) -> Double {
        values.withUnsafeBufferPointer { values in
            var sum = 0.0
            for label in classes where values.indices.contains(Int(label)) { sum += values[Int(label)] }
            return sum
        }
    }
}

/// What the loss of a row wants of each class: with smoothing s, C classes and weights w, `w[c] ((1 - s) [c = label] +
/// s / C)`, as in `torch.nn.CrossEntropyLoss`.
struct WeightedTarget {
    let label: Int
    private let onLabel: Double
    private let everywhere: Double
    private let weights: UnsafeBufferPointer<Double>?

    /// - Parameters:
    ///   - label: The class.
    ///   - classes: C, above 0.
    ///   - smoothing: The share of the target that is spread over all classes.
    ///   - weights: One for each class; nil for 1 everywhere.
    init(label: Int, classes: Int, smoothing: Double, weights: UnsafeBufferPointer<Double>?) {
        precondition(label >= 0 && label < classes, "label \(label) of \(classes) classes")
        precondition((weights?.count ?? classes) == classes, "one weight for each class")
        self.label = label
        onLabel = 1 - smoothing
        everywhere = smoothing / Double(classes)
        self.weights = weights
    }

    subscript(_ index: Int) -> Double {
        let share = everywhere + (index == label ? onLabel : 0)
        guard let weights else { return share }
        return weights[index] * share
    }
}

extension ClassWeights? {
    /// Calls `body` with the weights, or with nil.
    func withWeights<Result>(_ body: (UnsafeBufferPointer<Double>?) -> Result) -> Result {
        guard let self else { return body(nil) }
        return self.values.withUnsafeBufferPointer { body($0) }
    }
}
