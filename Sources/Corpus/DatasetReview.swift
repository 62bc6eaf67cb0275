import Tagging
import Tokenization

/// What people ought to know of the data that a model learns from or is measured on: what was read as what, and what
/// looks like a mistake. One line each.
///
/// Everything is counted by hashing, and by tokenizing a sample: 100,000 texts take well under a second.
public struct DatasetReview: Sendable, Equatable {
    /// What is as it should be, or need not be a mistake.
    public var notices: [String] = []
    /// What probably is a mistake.
    public var warnings: [String] = []

    /// Of nothing yet.
    public init() {}

    /// Reviews the data that a model is trained on, and what it is evaluated on meanwhile and at the end.
    ///
    /// - Parameters:
    ///   - training: The training examples.
    ///   - isDrawn: Whether they are a few of each class that were drawn: then classes are small on purpose.
    ///   - validation: The validation set, with the classes of `training`.
    ///   - test: The test set, likewise.
    public init(training: Dataset, isDrawn: Bool = false, validation: Dataset?, test: Dataset?) {
        addColumns(training)
        if training.hasOneClass {
            addClasses(training, isDrawn: isDrawn)
            addImbalance(training)
        }
        let texts = TextHashes(training)
        addDuplicates(texts)
        for (name, data) in [("validation", validation), ("test", test)] {
            guard let data else { continue }
            addPairing(data, name: name, like: training)
            addOverlap(data, name: name, with: texts)
        }
    }

    /// Reviews the data that a model is evaluated on.
    ///
    /// - Parameter isPairModel: Whether the model was trained on pairs; nil where that is not known.
    public init(evaluating data: Dataset, isPairModel: Bool?) {
        addColumns(data)
        addDuplicates(TextHashes(data))
        if let isPairModel, let columns = data.columns, isPairModel != (columns.textPair != nil) {
            warnings.append(Self.pairingAdvice(modelOfPairs: isPairModel))
        }
    }

    /// Classes with their counts on a line; of many, some.
    public static func counted(_ classes: [(name: String, count: Int)]) -> String { ClassNames.counted(classes) }

    /// The one of these classes from which `name` differs only in case, blanks or how a number is written; nil for
    /// none.
    public static func lookalike(of name: String, among known: [String]) -> String? {
        let key = ClassNames.folded(name)
        return known.first { ClassNames.folded($0) == key }
    }

    /// What to say where a model of pairs gets single texts, or the reverse.
    public static func pairingAdvice(modelOfPairs: Bool) -> String {
        modelOfPairs
            ? "the model was trained on pairs of texts, but is given single ones: its answers mean little; give the second "
                + "text too (--text-pair-column, or --text-pair)"
            : "the model was trained on single texts, but is given pairs: its answers mean little; name the one column with "
                + "--text-column, or leave --text-pair out"
    }

    /// The columns, the classes and their counts on a line; texts that are not used on another.
    private mutating func addColumns(_ data: Dataset) {
        let columns = data.columns.map { "columns: \($0.summary); " } ?? ""
        notices.append(columns + Self.labels(data))
        if let unused = data.columns?.unusedTexts, !unused.isEmpty, let columns = data.columns {
            let isPair = columns.textPair != nil
            warnings.append(
                "\(data.path): texts that are not used are in \(unused.count == 1 ? "the column" : "the columns") "
                    + listed(unused) + (isPair ? "" : "; give --text-pair-column for pairs"))
        }
    }

    /// What the labels were read as.
    private static func labels(_ data: Dataset) -> String {
        switch data.examples.first?.label {
        case .one: return "\(plural(data.labels.count, "class", "classes")): \(classes(data))"
        case .several:
            let pairs = data.classCounts.reduce(0, +)
            return "\(plural(data.labels.count, "label")), \(grouped(pairs)) in "
                + "\(plural(data.examples.count, "example")): \(classes(data))"
        case .values:
            let columns = data.labels.indices.map { column in
                let values = data.examples.compactMap { example -> Float? in
                    guard case .values(let values) = example.label, column < values.count else { return nil }
                    return values[column]
                }
                return "\(data.labels[column].printable(limit: 40)) from \(values.min() ?? 0) to \(values.max() ?? 0)"
            }
            return "numbers: \(columns.prefix(8).joined(separator: ", "))"
        case .tags: return tags(data)
        case .some(.none), nil: return plural(data.examples.count, "example")
        }
    }

    /// The spans of each type.
    private static func tags(_ data: Dataset) -> String {
        let scheme = TagSchemeDetector.scheme(ofLabels: data.labels)
        let known = data.labels.map { scheme.tag($0) }
        var counts: [String: Int] = [:]
        for example in data.examples {
            guard case .tags(let numbers) = example.label else { continue }
            for span in SpanReader.spans(numbers.map { known[Int($0)] }) { counts[span.type, default: 0] += 1 }
        }
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { (name: $0.key, count: $0.value) }
        let what = data.columns?.textPair == nil ? "sentence" : "predicate"
        return "\(plural(counts.values.reduce(0, +), "span")) of \(plural(sorted.count, "type")) in "
            + "\(plural(data.examples.count, what)) (\(scheme.rawValue)): \(counted(of: sorted))"
    }

    private static func classes(_ data: Dataset) -> String {
        counted(of: zip(data.labels, data.classCounts).map { (name: $0, count: $1) })
    }

    private static func counted(of all: [(name: String, count: Int)]) -> String {
        if all.count <= 12 { return ClassNames.counted(all) }
        // Of many, the largest and the smallest say most.
        let sorted = all.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        return "\(ClassNames.counted(Array(sorted.prefix(4)))), …, \(ClassNames.counted(Array(sorted.suffix(2))))"
    }

    private mutating func addPairing(_ data: Dataset, name: String, like training: Dataset) {
        guard let columns = data.columns, let trained = training.columns else { return }
        guard (columns.textPair != nil) != (trained.textPair != nil) else { return }
        let (one, two) = ("single texts (\(columns.summary))", "pairs of texts (\(columns.summary))")
        warnings.append(
            "the \(name) set \(data.path) has \(columns.textPair == nil ? one : two), the training set has "
                + "\(trained.textPair == nil ? "single texts" : "pairs"): name the columns with --text-column and "
                + "--text-pair-column")
    }
}
