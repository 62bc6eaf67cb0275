import Numerics

/// A text with its label.
public struct Example: Sendable, Equatable {
    /// The text.
    public var text: String
    /// The second text of a pair.
    public var pair: String?
    /// The index of its label; nil where the file has no labels.
    public var label: Int32?

    /// An example of these parts.
    public init(text: String, pair: String? = nil, label: Int32? = nil) {
        self.text = text
        self.pair = pair
        self.label = label
    }
}

/// The examples of a file, in its order.
public struct Dataset: Sendable {
    /// The file.
    public var path: String
    /// The class names; an example's label is an index here.
    public var labels: [String]
    /// The examples.
    public var examples: [Example]

    /// A data set of these parts.
    public init(path: String, labels: [String], examples: [Example]) {
        self.path = path
        self.labels = labels
        self.examples = examples
    }

    /// The number of examples of each class, by label.
    public var classCounts: [Int] {
        var counts = [Int](repeating: 0, count: labels.count)
        for example in examples { if let label = example.label { counts[Int(label)] += 1 } }
        return counts
    }

    /// Throws unless there is something to learn: at least two classes, each with at least `minimum` examples.
    public func checkTrainable(minimumPerClass minimum: Int = 2) throws(CorpusError) {
        guard labels.count >= 2 else {
            throw CorpusError(
                path, "there is only one class, \(quoted(labels.first ?? "")); a classifier needs at least two")
        }
        for (label, count) in classCounts.enumerated() where count < minimum {
            let what = count == 1 ? "one example" : "\(count) examples"
            throw CorpusError(
                path,
                "class \(quoted(labels[label])) has only \(what), but needs \(minimum); add some, or remove the class")
        }
    }

    /// The examples of each class, by position, in the order of the file.
    private var positionsByClass: [[Int]] {
        var positions = [[Int]](repeating: [], count: labels.count)
        for (i, example) in examples.enumerated() { if let label = example.label { positions[Int(label)].append(i) } }
        return positions
    }

    /// `count` examples of each class, drawn without replacement by `seed`, in the order of the file. A class with fewer
    /// gives all it has; `short` names these.
    public func shots(_ count: Int, seed: UInt64) -> (dataset: Dataset, short: [String]) {
        var chosen: [Int] = []
        var short: [String] = []
        for (label, positions) in positionsByClass.enumerated() {
            if positions.count < count { short.append(labels[label]) }
            var random = PhiloxStream(seed: seed, purpose: .shots, stream: UInt32(label))
            var shuffled = positions
            random.shuffle(&shuffled)
            chosen += shuffled.prefix(count)
        }
        return (Dataset(path: path, labels: labels, examples: chosen.sorted().map { examples[$0] }), short)
    }

    /// A held-out part with `fraction` of each class (rounded, at least one and not all where a class has two), drawn by
    /// `seed`; both parts in the order of the file.
    public func split(fraction: Double, seed: UInt64) -> (rest: Dataset, heldOut: Dataset) {
        var isHeldOut = [Bool](repeating: false, count: examples.count)
        for (label, positions) in positionsByClass.enumerated() {
            var random = PhiloxStream(seed: seed, purpose: .split, stream: UInt32(label))
            var shuffled = positions
            random.shuffle(&shuffled)
            let wanted = Int((Double(positions.count) * fraction).rounded())
            let count = positions.count < 2 ? 0 : min(max(wanted, 1), positions.count - 1)
            for position in shuffled.prefix(count) { isHeldOut[position] = true }
        }
        func part(_ heldOut: Bool) -> Dataset {
            Dataset(
                path: path, labels: labels,
                examples: zip(examples, isHeldOut).filter { $0.1 == heldOut }.map(\.0))
        }
        return (part(false), part(true))
    }
}

/// A piece of a file in a message: in quotes, on one line, not too long.
func quoted(_ text: String) -> String {
    let line = text.unicodeScalars.prefix(60).map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
    return text.unicodeScalars.count > 60 ? "\"\(line)…\"" : "\"\(line)\""
}
