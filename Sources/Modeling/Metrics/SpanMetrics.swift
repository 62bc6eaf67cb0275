import Tagging

/// Precision, recall and F1 of spans of words, such as names, as `seqeval` computes them in its default and in its
/// strict mode, and the share of words with the right tag.
///
/// All tags are kept until the end: windows of a long sentence are put together before spans are counted.
public struct SpanMetrics: MetricAccumulator, Equatable {
    /// F1 over all spans.
    public static let f1 = MetricKind(key: "f1", title: "F1", isHigherBetter: true)
    /// The share of the spans found that are right.
    public static let precision = MetricKind(key: "precision", title: "precision", isHigherBetter: true)
    /// The share of the spans there are that were found.
    public static let recall = MetricKind(key: "recall", title: "recall", isHigherBetter: true)
    /// The mean over the types of F1.
    public static let macroF1 = MetricKind(key: "macro_f1", title: "macro F1", isHigherBetter: true)
    /// F1 over spans whose tags are as the scheme wants them.
    public static let strictF1 = MetricKind(key: "strict_f1", title: "strict F1", isHigherBetter: true)
    /// Precision of these.
    public static let strictPrecision = MetricKind(
        key: "strict_precision", title: "strict precision", isHigherBetter: true)
    /// Recall of these.
    public static let strictRecall = MetricKind(key: "strict_recall", title: "strict recall", isHigherBetter: true)
    /// The share of words with the right tag.
    public static let tokenAccuracy = MetricKind(key: "token_accuracy", title: "token accuracy", isHigherBetter: true)
    /// F1.
    public static var primary: MetricKind { f1 }

    /// The number of tags.
    public let labels: Int
    /// The words of each example.
    private var lengths: [Int] = []
    /// The tag that each word has, by number, examples end to end; one of ``Target/unknownTags`` where the model does
    /// not have it.
    private var truths: [Int32] = []
    /// The tag that was found of each word.
    private var predictions: [Int32] = []

    /// Of no words yet.
    public init(labels: Int) { self.labels = labels }

    /// Two numbers for each word, one of which may be negative, and the count of words.
    public func metricBytes(maxLength: Int) -> Int {
        let digits = String(labels).utf8.count
        return (digits + 1 + max(digits, 2) + 2) * maxLength + 16
    }

    /// Takes the tag with the greatest output of each row.
    public mutating func add(_ batch: EvaluatedBatch) {
        guard case .tokens(let tags) = batch.targets else { return }
        for example in 0..<batch.exampleCount {
            var length = 0
            for row in batch.rows(of: example) where tags.indices.contains(row) && tags[row] != Target.ignored {
                truths.append(tags[row])
                predictions.append(Int32(CrossEntropy.prediction(batch.outputs.row(row))))
                length += 1
            }
            lengths.append(length)
        }
    }

    /// Appends the words of `other`.
    public mutating func merge(_ other: SpanMetrics) {
        lengths += other.lengths
        truths += other.truths
        predictions += other.predictions
    }

    /// See ``MetricAccumulator``.
    public mutating func join(_ continues: [Bool]) {
        guard continues.count == lengths.count else { return }
        var joined: [Int] = []
        for (length, goesOn) in zip(lengths, continues) {
            if goesOn, !joined.isEmpty { joined[joined.count - 1] += length } else { joined.append(length) }
        }
        lengths = joined
    }

    /// Checks that these are the same tags, and as many of both for each example.
    public func validate(examples: Int, like empty: SpanMetrics) throws(ModelError) {
        guard labels == empty.labels else {
            throw .invalidBatch("tags of \(labels) kinds, the model has \(empty.labels)")
        }
        var rest = truths.count
        for length in lengths {
            guard length >= 0, length <= rest else { throw .invalidBatch("counts of words that do not fit the words") }
            rest -= length
        }
        guard lengths.count == examples, rest == 0, predictions.count == truths.count,
            predictions.allSatisfy({ $0 >= 0 && Int($0) < labels }),
            truths.allSatisfy({ $0 >= 0 && Int($0) < labels || Target.unknownTags.contains($0) })
        else { throw .invalidBatch("\(truths.count) and \(predictions.count) tags for \(examples) examples") }
    }

    /// Micro F1, precision and recall by default, macro F1, the same strictly, and token accuracy; with each type of
    /// span by default as details. Without words all are 0.
    ///
    /// - Parameter names: The tags of the model, and behind them those of ``Target/unknownTags``.
    public func report(examples: Int, loss: Double, labels names: [String]) -> MetricReport {
        let scheme = TagSchemeDetector.scheme(ofLabels: Array(names.prefix(labels)))
        func tags(_ numbers: [Int32], _ known: [Tag]) -> [[Tag]] {
            var (sentences, start) = ([[Tag]](), 0)
            for length in lengths {
                sentences.append(
                    numbers[start..<(start + length)].map {
                        let place = $0 >= 0 ? Int($0) : labels - 2 - Int($0)
                        return known.indices.contains(place) ? known[place] : Tag(Tag.outside)
                    })
                start += length
            }
            return sentences
        }
        let known = names.map { scheme.tag($0) }
        let scores = SpanScores.lenient(truth: tags(truths, known), found: tags(predictions, known))
        let exact = names.map { scheme.strictTag($0) }
        let strict = SpanScores.strict(
            truth: tags(truths, exact), found: tags(predictions, exact), scheme: scheme)
        let right = zip(truths, predictions).count { $0 == $1 }
        return MetricReport(
            examples: examples, loss: loss,
            values: [
                Metric(Self.f1, scores.micro.f1), Metric(Self.precision, scores.micro.precision),
                Metric(Self.recall, scores.micro.recall), Metric(Self.macroF1, scores.macro.f1),
                Metric(Self.strictF1, strict.micro.f1), Metric(Self.strictPrecision, strict.micro.precision),
                Metric(Self.strictRecall, strict.micro.recall),
                Metric(Self.tokenAccuracy, truths.isEmpty ? 0 : Double(right) / Double(truths.count)),
            ], primary: Self.primary,
            details: .labels(
                scores.byType.map {
                    ClassMetrics(
                        label: $0.type, precision: $0.score.precision, recall: $0.score.recall, f1: $0.score.f1,
                        support: $0.score.support)
                }))
    }
}

/// `{"labels": 3, "lengths": […], "predictions": […], "truths": […]}`, in the order of the words.
extension SpanMetrics {
    private enum CodingKeys: String, CodingKey { case labels, lengths, truths, predictions }

    /// Reads what is encoded, and nothing else.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(labels: try values.decode(Int.self, forKey: .labels))
        lengths = try values.decode([Int].self, forKey: .lengths)
        truths = try values.decode([Int32].self, forKey: .truths)
        predictions = try values.decode([Int32].self, forKey: .predictions)
        guard (1...SequenceClassification.maxLabels).contains(labels) else {
            throw DecodingError.dataCorruptedError(
                forKey: .labels, in: values, debugDescription: "not a number of labels")
        }
    }
}
