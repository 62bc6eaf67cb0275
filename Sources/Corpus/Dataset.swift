import Numerics
import Support

/// A text with its label.
public struct Example: Sendable, Equatable {
    /// The text.
    public var text: String
    /// The second text of a pair.
    public var pair: String?
    /// What it is to be taken for.
    public var label: ExampleLabel
    /// Its words, where they are to have tags; nil to see from the text.
    public var words: TextWords?

    /// An example of these parts.
    public init(text: String, pair: String? = nil, label: ExampleLabel = .none, words: TextWords? = nil) {
        self.text = text
        self.pair = pair
        self.label = label
        self.words = words
    }

    /// The number of its class; nil for an example that does not have exactly one.
    @inline(never)
    public var classNumber: Int32? {
        // Inlined into loops of other modules, this makes the optimizer of Swift 6.3.1 abort.
        guard case .one(let number) = label else { return nil }
        return number
    }

    /// The numbers of the classes that it has, or of its words' tags.
    public var classNumbers: [Int32] {
        switch label {
        case .one(let number): [number]
        case .several(let numbers), .tags(let numbers): numbers
        case .none, .values: []
        }
    }
}

/// The examples of a file, in its order.
public struct Dataset: Sendable {
    /// The file.
    public var path: String
    /// The names of classes, or of numbers; an example's label has indices here.
    public var labels: [String]
    /// The examples.
    public var examples: [Example]
    /// The columns that they were read from; nil where that is not known.
    public var columns: DatasetColumns?
    /// How many of the labels, at their end, are tags that the model does not have.
    public var unknownLabelCount = 0
    /// What of the file people ought to know, a line each.
    public var notices: [String] = []
    /// What of it is probably a mistake, a line each.
    public var warnings: [String] = []

    /// A data set of these parts.
    public init(path: String, labels: [String], examples: [Example], columns: DatasetColumns? = nil) {
        self.path = path
        self.labels = labels
        self.examples = examples
        self.columns = columns
    }

    /// The tags that the model does not have.
    public var unknownLabels: [String] { Array(labels.suffix(unknownLabelCount)) }

    /// The data set without the examples in which a word has a tag that the model does not have.
    public var withoutUnknownLabels: Dataset {
        let known = labels.count - unknownLabelCount
        var rest = part(of: examples.filter { $0.classNumbers.allSatisfy { Int($0) < known } })
        (rest.labels, rest.unknownLabelCount) = (Array(labels.prefix(known)), 0)
        return rest
    }

    /// Whether every example has exactly one class.
    public var hasOneClass: Bool { examples.allSatisfy { $0.classNumber != nil } }

    /// The number of examples of each class, by label.
    public var classCounts: [Int] {
        var counts = [Int](repeating: 0, count: labels.count)
        for example in examples { for number in example.classNumbers { counts[Int(number)] += 1 } }
        return counts
    }

    /// Throws unless there is something to learn: at least two classes, each with at least `minimum` examples.
    public func checkTrainable(minimumPerClass minimum: Int = 2) throws(FileError) {
        guard labels.count >= 2 else {
            throw FileError(
                path, "there is only one class, \(quoted(labels.first ?? "")); a classifier needs at least two")
        }
        let rare = rareClasses(below: minimum)
        guard rare.isEmpty else {
            let what = rare.count == 1 ? "one class has" : "\(rare.count) classes have"
            throw FileError(
                path,
                "\(what) fewer than \(minimum) examples: \(ClassNames.counted(rare)); add some, or leave "
                    + "\(rare.count == 1 ? "it" : "them") out with --drop-rare-classes")
        }
    }

    /// The texts of all pairs as examples of their own, without labels: for those who look at texts one by one.
    public var apart: Dataset {
        part(of: examples.flatMap { [$0.text, $0.pair].compactMap { $0 } }.map { Example(text: $0) })
    }

    /// The examples of each class, by position, in the order of the file.
    private var positionsByClass: [[Int]] {
        var positions = [[Int]](repeating: [], count: labels.count)
        for (i, example) in examples.enumerated() {
            if let number = example.classNumber { positions[Int(number)].append(i) }
        }
        return positions
    }

    /// `count` examples of each class, at least 1, drawn without replacement by `seed`, in the order of the file.
    ///
    /// A class with fewer gives all it has; `short` names these. What is drawn of a class depends on the seed, on its
    /// place among the labels and on its examples alone.
    public func fewShotSubset(perClass count: Int, seed: UInt64) -> (dataset: Dataset, short: [String]) {
        precondition(count >= 1, "at least one example of each class is drawn")
        var chosen: [Int] = []
        var short: [String] = []
        for (label, positions) in positionsByClass.enumerated() {
            if positions.count < count { short.append(labels[label]) }
            chosen += Self.drawn(count, of: positions, purpose: .shots, seed: seed, label: label)
        }
        return (part(of: chosen.sorted().map { examples[$0] }), short)
    }

    private func part(of examples: [Example]) -> Dataset {
        var part = Dataset(path: path, labels: labels, examples: examples, columns: columns)
        part.unknownLabelCount = unknownLabelCount
        return part
    }

    private static func drawn(
        _ count: Int, of positions: [Int], purpose: RandomPurpose, seed: UInt64, label: Int
    ) -> ArraySlice<Int> {
        var random = PhiloxStream(seed: seed, purpose: purpose, stream: UInt32(label))
        var shuffled = positions
        random.shuffle(&shuffled)
        return shuffled.prefix(count)
    }
}
