/// What a head counts when it is evaluated, apart from the loss: of any examples, and of more by merging.
///
/// A kind of metric is one file, and one line in the head that brings it. Each micro-batch is counted by the worker
/// that computes it; the coordinator merges in the order of the micro-batches, so that not even sums in floating point
/// depend on who computed what. The value travels as JSON, and has finite numbers only.
public protocol MetricAccumulator: Sendable, Codable {
    /// The metric by which states of a model are compared.
    static var primary: MetricKind { get }
    /// Bytes of JSON, at most, that each output of an example takes; 0 for what only counts.
    static var bytesPerOutput: Int { get }

    /// Bytes of JSON, at most, that an example of this many tokens takes apart from ``bytesPerOutput``.
    func metricBytes(maxLength: Int) -> Int

    /// Counts the outputs of a micro-batch, whose targets the head has found to be valid.
    mutating func add(_ batch: EvaluatedBatch)
    /// Adds what was counted of the examples that follow.
    mutating func merge(_ other: Self)
    /// Checks that this, which may come from outside, can have been counted over so many examples by the head that
    /// `empty` is from.
    func validate(examples: Int, like empty: Self) throws(ModelError)
    /// Puts together the examples that go on with the text of the one before, as windows of a long sentence do.
    ///
    /// - Parameter continues: For each example that was counted, in order, whether it does.
    mutating func join(_ continues: [Bool])
    /// From which probability on an example counts as having a label, where that is a question.
    mutating func use(threshold: Double)
    /// All of it for people and files.
    ///
    /// - Parameters:
    ///   - examples: The examples that were counted.
    ///   - loss: Their mean loss.
    ///   - labels: The classes, in the order of the outputs.
    func report(examples: Int, loss: Double, labels: [String]) -> MetricReport
}

extension MetricAccumulator {
    /// None.
    public static var bytesPerOutput: Int { 0 }
    /// None.
    public func metricBytes(maxLength: Int) -> Int { 0 }
    /// Each example is a text of its own.
    public mutating func join(_ continues: [Bool]) {}
    /// It is none.
    public mutating func use(threshold: Double) {}
}

extension Head {
    /// Bytes of JSON, at most, that the metrics of an example of `maxLength` tokens take; 0 for what only counts.
    public func metricBytes(maxLength: Int) -> Int {
        let empty = makeMetrics()
        return type(of: empty).bytesPerOutput * outputWidth + empty.metricBytes(maxLength: maxLength)
    }
    /// The metric by which states of the model are compared.
    public var primaryMetric: MetricKind { type(of: makeMetrics()).primary }
}
