/// Correlations between the cosines of pairs of embeddings and how alike the pairs are said to be.
public struct SimilarityMetrics: MetricAccumulator, Equatable {
    /// Spearman's correlation.
    public static var primary: MetricKind { RegressionMetrics.primary }

    /// The cosines, as a prediction of the numbers.
    private var cosines = RegressionMetrics(values: 1)

    /// Of no pairs yet.
    public init() {}

    /// Adds the cosine of each pair: of two rows that follow each other.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .values(let values, width: 1) = batch.targets else { return }
        let pairs = min(values.count, batch.outputs.rows) / 2
        let found = (0..<pairs).map {
            Float(CosineSimilarity.cosine(batch.outputs.row(2 * $0), batch.outputs.row(2 * $0 + 1)))
        }
        let wanted = Targets.values((0..<pairs).map { values[2 * $0] }, width: 1)
        found.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            cosines.add(EvaluatedBatch(OutputRows(start, rows: pairs, width: 1), wanted))
        }
    }

    /// Appends the cosines of `other`.
    public mutating func merge(_ other: SimilarityMetrics) { cosines.merge(other.cosines) }

    /// Checks that there is a cosine for each example.
    public func validate(examples: Int, like empty: SimilarityMetrics) throws(ModelError) {
        try cosines.validate(examples: examples, like: empty.cosines)
    }

    /// See ``RegressionMetrics``.
    public func report(examples: Int, loss: Double, labels: [String]) -> MetricReport {
        cosines.report(examples: examples, loss: loss, labels: labels)
    }
}
