import Corpus
import Modeling
import Support
import Tokenization

/// Each pair of texts has a score of how alike they are, which the cosine of their embeddings is to become.
public struct Embedding: Task {
    /// See ``Task``.
    public var name: String { "embedding" }
    /// An encoder without a head; what makes it one of embeddings are the modules beside it.
    public var purpose: ModelPurpose { .embedding }
    /// It has none.
    public var hasOneClass: Bool { false }
    /// They are, each by the same encoder.
    public var encodesApart: Bool { true }
    /// Which scores stand for 0 and 1; nil where that is not known.
    public private(set) var scoreRange: ScoreRange?
    /// What is put before each text: the folder's default prompt.
    private var prefix = ""

    /// The task.
    public init() {}

    /// What the folder says of scores and prompts.
    public func configured(by configuration: ModelConfiguration) -> any Task {
        var task = self
        let modules = configuration.sentenceModules
        task.prefix = modules?.defaultPrompt.flatMap { modules?.prompts[$0] } ?? ""
        task.scoreRange = configuration.scoreRange.map { ScoreRange($0) }
        return task
    }

    /// All modules must be known.
    public func check(_ configuration: ModelConfiguration, path: String) throws(FileError) {
        try configuration.sentenceModules?.requireKnown(
            folder: parentFolder(of: path), width: configuration.encoder.hidden)
    }

    /// Pairs of texts of which none is blank: the cosine with the embedding of no text says nothing.
    public func read(
        _ path: String, columns: ColumnNames, known: [String]?, options: TaskOptions
    ) throws(FileError) -> Dataset {
        try DatasetReader.read(
            path,
            options: .init(
                columns: columns, labels: labelReader(known: known, options: options), needsSecondText: true))
    }

    /// A number for each pair.
    public func labelReader(known: [String]?, options: TaskOptions) -> any LabelReader { ScoreReader() }

    /// The range that is asked for; else 0 to 1 where all scores lie there, or that of the scores.
    ///
    /// - Throws: An error about scores outside of the range that is asked for, and about scores that are all equal.
    public func fitted(to data: Dataset, options: TaskOptions) throws -> any Task {
        var task = self
        let scores = data.examples.compactMap(\.score)
        guard let low = scores.min().map(Self.asWritten), let high = scores.max().map(Self.asWritten) else {
            return task
        }
        if let range = options.scoreRange {
            guard range.bounds.contains(low), range.bounds.contains(high) else {
                throw FileError(
                    data.path,
                    "scores are from \(ScoreRange.shown(low)) to \(ScoreRange.shown(high)), beyond --score-range "
                        + "\(range.text); give a range that has all of them")
            }
            task.scoreRange = range
        } else if ScoreRange.cosines.bounds.contains(low), ScoreRange.cosines.bounds.contains(high) {
            task.scoreRange = .cosines
        } else {
            guard low < high else {
                throw FileError(
                    data.path,
                    "all scores are \(ScoreRange.shown(low)): which of them stand for the cosines 0 and 1 cannot be "
                        + "seen; give --score-range")
            }
            task.scoreRange = ScoreRange(low...high)
        }
        return task
    }

    /// The number that people have written: 4.2, and not the nearest Float to it, which is a little less.
    private static func asWritten(_ score: Float) -> Double { Double("\(score)") ?? Double(score) }

    /// Writes the range.
    public func configure(_ configuration: inout ModelConfiguration) {
        configuration.scoreRange = scoreRange?.bounds
        configuration.sentenceModules = configuration.sentenceModules ?? SentenceModules()
    }

    /// Why a single text is of no use.
    public func problem(of example: Example) -> String? {
        example.pair == nil
            ? "embeddings are compared, which takes two texts for each score: name the column of the second one with "
                + "--text-pair-column, or give --text-pair; embeddings of single texts are made by embed" : nil
    }

    /// Pooling, and scaling where the folder has it.
    public func head(_ configuration: ModelConfiguration) -> any Head { SentenceEmbedding(configuration) }

    /// The squared error of the cosine.
    public func objective(_ options: TaskOptions, data: Dataset?) throws -> any Objective {
        try options.refuseClassLoss(name)
        return CosineSimilarity()
    }

    /// Two, of one text each.
    public func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput] {
        { [prefix] example in
            [example.text, example.pair ?? ""].map {
                TextInput(encoding: tokenizer.encode(prefix + $0, maxLength: maxLength))
            }
        }
    }

    /// The cosine that the score stands for.
    public func target(of example: Example, encoding: Encoding, outputs: Int) -> Target {
        example.score.map { .values([(scoreRange ?? .cosines).cosine($0)]) } ?? .none
    }

    /// `{"cosine": 0.83}`.
    public func predictions(labels: [String]) -> any PredictionFormat { Format() }

    private struct Format: PredictionFormat {
        func append(_ prediction: TextOutputs, to json: inout JSONWriter) {
            let width = prediction.values.count / 2
            json.raw("{\"cosine\": ")
            json.number(
                Float(CosineSimilarity.cosine(prediction.values.prefix(width), prediction.values.suffix(width))))
            json.raw("}")
        }
    }
}

extension Example {
    /// Its only number; nil for an example of another kind.
    fileprivate var score: Float? {
        guard case .values(let values) = label, values.count == 1 else { return nil }
        return values[0]
    }
}
