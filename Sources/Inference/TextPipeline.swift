import Corpus
import Modeling
import Numerics
import Support
import Tokenization

/// From texts to a model's outputs: tokenizes them, sorts them by length, packs them, runs the model, and brings the
/// outputs back into the order of the texts.
///
/// It is used by one thread at a time; within a call it uses all of its own.
public struct TextPipeline {
    /// How many texts are best given at once: they are sorted by length together.
    public static let window = 1024
    /// About how many tokens are computed at once by a thread: enough for the matrix products to run at full speed.
    private static let batchTokens = 2048
    /// Smaller batches are not worth the call.
    private static let leastBatchTokens = 128

    /// The model's configuration, labels included.
    public let configuration: ModelConfiguration
    /// Tokens of a text at most.
    public let maxLength: Int
    /// Makes tokens of texts.
    public let tokenizer: any Tokenizer
    /// What the model was trained for.
    public let task: any Task
    private let model: any BatchModel
    let team: ThreadTeam
    /// The folder, for messages.
    let path: String

    /// A pipeline of these parts.
    ///
    /// - Parameters:
    ///   - configuration: The model's.
    ///   - path: The model's folder, for messages.
    ///   - tokenizer: Makes tokens of texts.
    ///   - maxLength: Tokens of a text at most, at least 3.
    ///   - task: What the model was trained for.
    ///   - model: Computes batches.
    ///   - team: Tokenizes; the model may use it as well.
    public init(
        _ configuration: ModelConfiguration, path: String, tokenizer: any Tokenizer, maxLength: Int,
        task: any Task = Tasks.standard, model: any BatchModel, team: ThreadTeam
    ) {
        self.task = task
        self.configuration = configuration
        self.path = path
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        self.model = model
        self.team = team
    }

    /// Loads the folder of a fine-tuned model.
    ///
    /// - Parameters:
    ///   - adapter: An adapter of the model; the labels are then the adapter's.
    ///   - task: What the model is to be used for, where the folder leaves it open; nil for no choice.
    ///   - appendsEmbeddings: Whether a classifier on embeddings tells these too, see ``TextOutputs/embedding``,
    ///     and what it says by them.
    /// - Throws: An error that names the folder or file, and what to do.
    public init(
        _ folder: ModelFolder, adapter: AdapterFolder? = nil, task: (any Task)? = nil, threads: Int, maxLength: Int,
        precision: Precision, appendsEmbeddings: Bool = false
    ) throws {
        let tokenizer = try TokenizerFolder.load(folder.path)
        try ModelFit.check(tokenizer, folder)
        let model = try InferenceModel(
            folder, adapter: adapter, task: task, threads: threads, precision: precision,
            appendsEmbeddings: appendsEmbeddings)
        self.init(
            model.configuration, path: folder.path, tokenizer: tokenizer, maxLength: maxLength, task: model.task,
            model: model, team: model.team)
    }

    /// The model.
    public var specification: ModelSpecification { model.specification }

    /// Floats of a row of the outputs of a text.
    var rowWidth: Int { (specification.head as? PooledClassification)?.labels ?? specification.head.outputWidth }

    /// Whether outputs tell how far a text is from what was learnt, see ``TextOutputs/outOfScope``.
    public var scoresScope: Bool { (task as? Classification)?.pooled?.outOfScope != nil }

    /// The classes, in the order of the outputs.
    public var labels: [String] { configuration.labels }

    /// Whether the model was trained on pairs of texts; nil where that is not known.
    public var isPairModel: Bool? { configuration.isTrainedOnPairs }

    /// Makes sure that the model can take pairs of texts, if there are any.
    public func check(hasPairs: Bool) throws(FileError) {
        try ModelFit.check(
            tokenizer, configuration.encoder, path: path, hasPairs: hasPairs && !task.encodesApart)
    }

    /// The tokens of a text, or pair, as it is computed.
    public func tokenCount(_ example: Example) -> Int {
        task.inputs(tokenizer, maxLength: maxLength)(example).reduce(0) { $0 + $1.encoding.inputIDs.count }
    }

    /// What is found of batches with targets, in their order.
    func evaluate(_ batches: [PackedBatch]) throws -> [EvaluationPart] { try model.evaluate(batches) }

    /// The outputs of batches, in their order: of each the rows that the head has for it, row-major.
    func outputs(of batches: [PackedBatch]) throws -> [[Float]] { try model.outputs(batches) }

    /// An error about a text whose outputs are no numbers.
    func notFinite(_ text: String) -> FileError {
        FileError(
            path,
            "the outputs of the text \(quoted(text)) are not finite: the numbers within the model become too large; its "
                + "training has diverged, or its files are damaged")
    }

    /// The text that the input of this number, counted through all texts, is of.
    private static func text(of input: Int, _ perText: [[TextInput]]) -> Int {
        var end = 0
        for (text, inputs) in perText.enumerated() {
            end += inputs.count
            if input < end { return text }
        }
        return 0
    }

    /// The outputs of each text, in order.
    ///
    /// - Throws: An error about a text that the model cannot take.
    public func outputs(_ texts: [Example]) throws -> [TextOutputs] {
        try check(hasPairs: texts.contains { $0.pair != nil })
        try task.check(texts, path: path)
        let make = task.inputs(tokenizer, maxLength: maxLength)
        let perText = team.mapRanges(of: texts.count) { range in range.map { make(texts[$0]) } }.flatMap { $0 }
        if let empty = perText.firstIndex(where: { $0.contains { $0.encoding.inputIDs.isEmpty } }) {
            throw ModelFit.noTokens(path: path, text: texts[empty].text)
        }
        let inputs = perText.flatMap { $0 }
        let lengths = inputs.map(\.encoding.inputIDs.count)
        // A few batches a thread, so that all end at about the same time.
        let share = lengths.reduce(0, +) / (4 * team.count)
        let sorted = LengthSortedBatches(
            lengths: lengths, batchTokens: max(Self.leastBatchTokens, min(Self.batchTokens, share)))
        let computed = try model.outputs(
            sorted.batches.map {
                PackedBatch(packing: $0, encodings: { [inputs[$0].encoding] }, target: { inputs[$0].target })
            })
        let head = specification.head
        guard let result = sorted.unsorted(computed, floats: { inputs[$0].rows(head) * head.outputWidth }) else {
            throw FileError(path, "its head has no row of outputs for each text, or for each of its tokens")
        }
        if let wrong = result.firstIndex(where: { !$0.allSatisfy(\.isFinite) }) {
            throw notFinite(texts[Self.text(of: wrong, perText)].text)
        }
        var next = 0
        return perText.enumerated().map { index, inputs in
            defer { next += inputs.count }
            return task.combined(
                TextOutputs(
                    example: texts[index], encoding: inputs.first?.encoding ?? Encoding(inputIDs: [], typeIDs: []),
                    values: inputs.count == 1 ? result[next] : result[next..<(next + inputs.count)].flatMap { $0 }))
        }
    }
}

extension TextInput {
    /// The rows of outputs that a head has for it.
    fileprivate func rows(_ head: any Head) -> Int {
        guard head.isPerToken else { return 1 }
        guard head.reads == .targetTokens, case .tokens(let labels) = target else { return encoding.inputIDs.count }
        return labels.count { $0 != Target.ignored }
    }
}
