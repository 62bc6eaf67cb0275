import Corpus
import Modeling
import Support
import Tagging
import Tokenization

/// Each word has a tag, and tags make spans: names, or the semantic roles of a predicate.
public struct TokenTagging: Task {
    /// See ``Task``.
    public var name: String { "token-classification" }
    /// `ForTokenClassification`.
    public var purpose: ModelPurpose { ModelPurpose(classSuffix: TokenClassification.transformersClass) }
    /// It has none.
    public var hasOneClass: Bool { false }
    /// They have.
    public var tagsWords: Bool { true }

    /// The task.
    public init() {}

    /// Columns, or JSON Lines.
    public func read(
        _ path: String, columns: ColumnNames, known: [String]?, options: TaskOptions
    ) throws(FileError) -> Dataset {
        try TaggedReader.read(
            path, options: .init(columns: columns, known: known, repairsTags: options.repairsTags))
    }

    /// Sentences that are cut into words in the file.
    public func texts(_ path: String, columns: ColumnNames) throws(FileError) -> [Example]? {
        guard TaggedReader.hasWords(path) else { return nil }
        return try TaggedReader.read(path, options: .init(columns: columns, readsTags: false)).examples
    }

    /// None: tags are read with their words.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader { NoLabels() }

    /// A predicate must be a word of its sentence.
    public func problem(of example: Example) -> String? {
        guard let pair = example.pair, example.words?.predicate == nil, !WordEncoder.holdsPredicate(example) else {
            return nil
        }
        return "the predicate \(quoted(pair)) is no word of the text \(quoted(example.text)): give one as it stands "
            + "there"
    }

    /// At least one span, or tags of two kinds.
    public func checkTrainable(_ data: Dataset) throws(FileError) {
        let used = data.labels.indices.filter { data.classCounts[$0] > 0 }
        guard used.count >= 2 else {
            throw FileError(
                data.path,
                "all words have the same tag, \(quoted(used.first.map { data.labels[$0] } ?? Tag.outside)): there is "
                    + "nothing to learn")
        }
    }

    /// Dropout and a linear layer on the first token of each word.
    public func head(_ configuration: ModelConfiguration) -> any Head { configuration.tokenClassifierHead }

    /// Cross-entropy of each word, or the focal loss.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.classLoss(data)
    }

    /// The tags of its words.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        guard case .tags(let tags) = example.label else { return .none }
        return .tokens(tags.map { Target.tag($0, of: outputs) })
    }

    /// Windows.
    public func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput] {
        let encoder = WordEncoder(tokenizer, maxLength: maxLength)
        return { example in
            encoder.windows(of: example).map { TextInput(encoding: $0.encoding, target: $0.target { _ in 0 }) }
        }
    }

    /// Windows.
    public func prepared(_ data: Dataset, _ preparation: Preparation) throws -> (any ExampleSource)? {
        TaggedWindows(
            data, tokenizer: preparation.tokenizer, maxLength: preparation.maxLength, team: preparation.team)
    }

    /// `{"text": …, "spans": [{"start": 0, "end": 5, "label": "PER", "text": …, "score": 0.98}]}`.
    public func predictions(labels: [String]) -> any PredictionFormat { SpanFormat(labels: labels) }
}

/// Spans with their places in Unicode code points, as Python counts them.
private struct SpanFormat: PredictionFormat {
    private let labels: [String]
    private let scheme: TagScheme
    private let tags: [Tag]

    init(labels: [String]) {
        self.labels = labels
        let scheme = TagSchemeDetector.scheme(ofLabels: labels)
        self.scheme = scheme
        tags = labels.map { scheme.tag($0) }
    }

    func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
        let example = prediction.example
        json.raw("{\"text\": ")
        json.string(example.text)
        if let pair = example.pair {
            json.raw(", \"predicate\": ")
            json.string(pair)
        }
        json.raw(", \"spans\": [")
        let words = example.words ?? TextWords(of: example.text)
        let (found, scores) = best(prediction.values, words: words.ranges.count)
        let bytes = Array(example.text.utf8)
        let places = words.codePoints(in: example.text)
        var isFirst = true
        for span in SpanReader.spans(found) {
            guard let first = span.words.first, let last = span.words.last else { continue }
            if !isFirst { json.raw(", ") }
            isFirst = false
            json.raw("{\"start\": ")
            json.integer(Int32(clamping: places[first].lowerBound))
            json.raw(", \"end\": ")
            json.integer(Int32(clamping: places[last].upperBound))
            json.raw(", \"label\": ")
            json.string(span.type)
            json.raw(", \"text\": ")
            json.string(
                String(decoding: bytes[words.ranges[first].lowerBound..<words.ranges[last].upperBound], as: UTF8.self))
            json.raw(", \"score\": ")
            json.number(Float(scores[span.words].reduce(0, +) / Double(span.words.count)))
            json.raw("}")
        }
        json.raw("]}")
    }

    /// The most probable tag of each word, and its probability.
    private func best(_ values: [Float], words: Int) -> (tags: [Tag], scores: [Double]) {
        var (found, scores): ([Tag], [Double]) = ([], [])
        values.withUnsafeBufferPointer { values in
            let width = labels.count
            for word in 0..<min(words, values.count / max(1, width)) {
                let logits = UnsafeBufferPointer(rebasing: values[word * width..<(word + 1) * width])
                let number = CrossEntropy.prediction(logits)
                found.append(tags[number])
                scores.append(CrossEntropy.probabilities(logits)[number])
            }
        }
        return (found, scores)
    }
}
