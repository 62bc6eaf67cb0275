/// The squared difference between the cosine of the two embeddings of a pair and how alike the two are said to be, in
/// double precision: `CosineSimilarityLoss` of sentence-transformers (Reimers and Gurevych 2019).
///
/// The two texts of a pair are two sequences, one after the other, with the same target.
public struct CosineSimilarity: Objective {
    /// See ``Objective``.
    public static let kind = "cosine-similarity"
    /// The least length that is divided by, as in PyTorch's `cosine_similarity`.
    private static let leastLength = 1e-8

    /// It has no settings.
    public init() {}

    /// A head of embeddings of pairs.
    public func validate(head: any Head) throws(ModelError) {
        guard head.sequencesPerExample == 2, !head.isPerToken else {
            throw .invalidModel("its objective compares the embeddings of pairs, its head has none")
        }
    }

    /// A number for each sequence, which the two of a pair have in common.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .values(let values, width: 1) = targets, values.count.isMultiple(of: 2) else {
            throw .invalidBatch("no numbers for pairs to learn from")
        }
        for pair in 0..<(values.count / 2) where values[2 * pair] != values[2 * pair + 1] {
            throw .invalidBatch("a pair with two numbers to learn")
        }
    }

    /// The number of pairs.
    public func weight(of targets: Targets) -> Double {
        guard case .values(let values, _) = targets else { return 0 }
        return Double(values.count / 2)
    }

    /// The sum over the pairs.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .values(let values, _) = targets else { return 0 }
        var sum = 0.0
        for pair in 0..<min(values.count, outputs.rows) / 2 {
            let (u, v) = (outputs.row(2 * pair), outputs.row(2 * pair + 1))
            let products = Products(u, v)
            let error = products.cosine - Double(values[2 * pair])
            sum += error * error
            guard withGradient else { continue }
            products.writeGradient(2 * error, u, v, outputs.gradientRow(2 * pair))
            products.swapped.writeGradient(2 * error, v, u, outputs.gradientRow(2 * pair + 1))
        }
        return sum
    }

    /// That of a pair, for each of its two texts.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .values(let values, _) = targets else { return [] }
        return (0..<min(values.count, outputs.rows) / 2).flatMap { pair in
            let error = Self.cosine(outputs.row(2 * pair), outputs.row(2 * pair + 1)) - Double(values[2 * pair])
            return [error * error, error * error]
        }
    }

    /// The cosine of the angle between two rows, as many numbers in each.
    public static func cosine(_ u: ArraySlice<Float>, _ v: ArraySlice<Float>) -> Double {
        u.withUnsafeBufferPointer { u in v.withUnsafeBufferPointer { v in cosine(u, v) } }
    }

    /// The cosine of the angle between two rows.
    static func cosine(_ u: UnsafeBufferPointer<Float>, _ v: UnsafeBufferPointer<Float>) -> Double {
        Products(u, v).cosine
    }

    /// The scalar products of two rows.
    private struct Products {
        var dot = 0.0
        var first = 0.0
        var second = 0.0

        init(_ u: UnsafeBufferPointer<Float>, _ v: UnsafeBufferPointer<Float>) {
            for i in 0..<min(u.count, v.count) {
                let (x, y) = (Double(u[i]), Double(v[i]))
                dot += x * y
                first += x * x
                second += y * y
            }
        }

        /// The same with the rows the other way round.
        var swapped: Products {
            var products = self
            swap(&products.first, &products.second)
            return products
        }

        private var lengths: Double {
            max(first.squareRoot(), leastLength) * max(second.squareRoot(), leastLength)
        }

        var cosine: Double { dot / lengths }

        /// `scale` times the gradient of the cosine by `u`: v / (|u| |v|) - cosine u / |u|^2.
        func writeGradient(
            _ scale: Double, _ u: UnsafeBufferPointer<Float>, _ v: UnsafeBufferPointer<Float>,
            _ gradient: UnsafeMutableBufferPointer<Float>
        ) {
            let other = scale / lengths
            // Below the least length, the length is a constant.
            let own = first.squareRoot() > leastLength ? scale * cosine / first : 0
            for i in 0..<min(u.count, v.count) { gradient[i] = Float(other * Double(v[i]) - own * Double(u[i])) }
        }
    }
}
