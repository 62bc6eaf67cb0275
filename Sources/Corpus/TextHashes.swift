/// The texts of a data set by their hashes: which occur twice, and which are in another set too.
///
/// Hashes of 64 bits: among 100,000 texts, two different ones are taken for the same once in four billion runs.
struct TextHashes: Sendable {
    /// The texts that are there more than once: examples beyond the first of each.
    private(set) var repeated = 0
    /// The texts that have more than one label, and the examples that these are.
    private(set) var conflicting = 0
    /// The examples.
    let count: Int
    /// The file.
    let path: String
    /// The label of each text; nil where they differ.
    private var labels: [UInt64: ExampleLabel?] = [:]

    init(_ data: Dataset) {
        count = data.examples.count
        path = data.path
        labels.reserveCapacity(count)
        for example in data.examples {
            let hash = hash(example)
            guard let known = labels.updateValue(example.label, forKey: hash) else { continue }
            repeated += 1
            if known != example.label {
                if known != nil { conflicting += 1 }
                labels.updateValue(nil, forKey: hash)
            }
        }
    }

    /// How many examples of another set are texts of this one.
    func overlap(_ other: Dataset) -> Int { other.examples.count { labels[hash($0)] != nil } }

    private func hash(_ example: Example) -> UInt64 {
        // Seeded once per process, so that the same texts hash alike here.
        var hasher = Hasher()
        example.text.hashBytes(into: &hasher)
        if let pair = example.pair { pair.hashBytes(into: &hasher) }
        // A sentence can have one word as its predicate twice.
        if let predicate = example.words?.predicate { hasher.combine(predicate) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

extension String {
    /// By the bytes: canonical equivalence would cost more than the rest.
    fileprivate func hashBytes(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 {
            hasher.combine($0.count)
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
    }
}

extension DatasetReview {
    /// Shares from which on repeated texts get a line.
    static let share = 0.01

    /// A line for texts that occur more than once, above all with different labels.
    mutating func addDuplicates(_ texts: TextHashes) {
        if texts.conflicting > 0 {
            let what = texts.conflicting == 1 ? "one text occurs" : "\(grouped(texts.conflicting)) texts occur"
            warnings.append(
                "\(texts.path): \(what) with different labels (of \(plural(texts.repeated, "repetition")) in "
                    + "\(plural(texts.count, "example"))); correct them, or remove them")
        } else if Double(texts.repeated) >= Self.share * Double(texts.count), texts.repeated > 0 {
            notices.append(
                "\(texts.path): \(grouped(texts.repeated)) of \(plural(texts.count, "example")) are repetitions of others"
            )
        }
    }

    /// A line for texts of the held-out set `name` that are trained on.
    mutating func addOverlap(_ data: Dataset, name: String, with training: TextHashes) {
        let common = training.overlap(data)
        guard common > 0 else { return }
        let verb = common == 1 ? "is" : "are"
        let line =
            common == data.examples.count
            ? "all texts of the \(name) set \(data.path) are in the training set, too: its accuracy says nothing about new "
                + "texts"
            : "\(grouped(common)) of \(plural(data.examples.count, "text")) of the \(name) set \(data.path) \(verb) in the "
                + "training set, too"
        // A few short texts recur by themselves.
        if Double(common) >= Self.share * Double(data.examples.count) {
            warnings.append(line)
        } else {
            notices.append(line)
        }
    }
}
