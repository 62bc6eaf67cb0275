import Foundation
import Support

/// The `config.json` of a BERT model, with the meanings and defaults that `transformers` gives them.
///
/// Entries that mean nothing here are kept and written back, except those that describe the old model's task or files.
public struct BertConfiguration: Sendable, Equatable, Codable {
    /// Rows of the word embedding.
    public var vocabSize = 30522
    /// Floats of a token's vector.
    public var hiddenSize = 768
    /// Encoder layers (`num_hidden_layers`).
    public var layers = 12
    /// Attention heads (`num_attention_heads`); divides `hiddenSize`.
    public var heads = 12
    /// Floats within the feed-forward network.
    public var intermediateSize = 3072
    /// The activation of the feed-forward network: `gelu`, by the error function, or another name of the same.
    public var hiddenAct = "gelu"
    /// Dropout after the embeddings, the attention output and the feed-forward output.
    public var hiddenDropout: Float = 0.1
    /// Dropout on attention probabilities.
    public var attentionDropout: Float = 0.1
    /// Dropout before the classifier; nil for `hiddenDropout`.
    public var classifierDropout: Float?
    /// The longest sequence (`max_position_embeddings`).
    public var maxPositions = 512
    /// Rows of the segment embedding.
    public var typeVocabSize = 2
    /// Added to the variance by LayerNorm.
    public var layerNormEpsilon: Float = 1e-12
    /// The standard deviation of new weights.
    public var initializerRange: Float = 0.02
    /// The token that pads.
    public var padTokenID = 0
    /// The class names, in the order of their ids. Where ``labelsProblem`` is set they are placeholders.
    public var labels = ["LABEL_0", "LABEL_1"] { didSet { labelsProblem = nil } }
    /// Why the file's labels cannot be used: no obstacle to a training, which replaces them.
    var labelsProblem: String?
    /// Whether the file says that the model is of another kind than a text classifier (`architectures`), and of which.
    var otherArchitecture: String?
    /// What else the file holds, to be written back.
    var others: [String: JSONValue] = [:]

    /// The configuration of BERT-base.
    public init() {}

    /// Checks every bound. The upper ones are far beyond any real model: they keep products of sizes from overflowing.
    ///
    /// - Throws: An error that names `path` and the key.
    public func validate(path: String = "config.json") throws(FileError) {
        func fail(_ reason: String) -> FileError { FileError(path, reason) }
        func check(_ key: String, _ value: Int, _ range: ClosedRange<Int>) throws(FileError) {
            guard range.contains(value) else {
                throw fail("\(key) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
            }
        }
        func check(_ key: String, probability value: Float) throws(FileError) {
            guard value >= 0, value < 1 else { throw fail("\(key) is \(value), must be at least 0 and below 1") }
        }
        try check("vocab_size", vocabSize, 1...16_777_216)
        try check("hidden_size", hiddenSize, 1...65_536)
        try check("num_hidden_layers", layers, 1...1000)
        try check("num_attention_heads", heads, 1...4096)
        try check("intermediate_size", intermediateSize, 1...1_048_576)
        try check("max_position_embeddings", maxPositions, 1...1_048_576)
        try check("type_vocab_size", typeVocabSize, 1...65_536)
        try check("pad_token_id", padTokenID, 0...(vocabSize - 1))
        try check("the number of labels", labels.count, 1...1_000_000)
        guard hiddenSize % heads == 0 else {
            throw fail("hidden_size \(hiddenSize) is not a multiple of num_attention_heads \(heads)")
        }
        guard Self.geluNames.contains(hiddenAct) else {
            throw fail("hidden_act is \(quoted(hiddenAct)), only \"gelu\" (by the error function) is supported")
        }
        try check("hidden_dropout_prob", probability: hiddenDropout)
        try check("attention_probs_dropout_prob", probability: attentionDropout)
        if let classifierDropout { try check("classifier_dropout", probability: classifierDropout) }
        guard layerNormEpsilon > 0, layerNormEpsilon < 1 else {
            throw fail("layer_norm_eps is \(layerNormEpsilon), must be above 0 and below 1")
        }
        guard initializerRange >= 0, initializerRange <= 10 else {
            throw fail("initializer_range is \(initializerRange), must be 0 to 10")
        }
        if let labelsProblem { throw fail(labelsProblem) }
        if let twice = Self.firstTwice(labels) { throw fail("id2label has the label \(quoted(twice)) twice") }
    }

    /// Names under which `transformers` computes the exact GELU. `gelu_new`, `gelu_fast` and `gelu_pytorch_tanh` are
    /// approximations of it, with other results.
    private static let geluNames: Set<String> = ["gelu", "gelu_python"]

    /// The first label that stands there a second time.
    static func firstTwice(_ labels: [String]) -> String? {
        var seen: Set<String> = []
        return labels.first { !seen.insert($0).inserted }
    }

    /// Makes sure that the file describes a classifier of single texts or pairs with usable labels, as inference needs.
    ///
    /// - Parameter path: The file, for the message.
    /// - Throws: An error that names the entry of config.json.
    public func requireClassifier(path: String) throws(FileError) {
        if let labelsProblem { throw FileError(path, labelsProblem) }
        if let otherArchitecture {
            throw FileError(
                path,
                "architectures is \(quoted(otherArchitecture)), which is no text classifier: train it first")
        }
    }

    /// Whether a classifier in the folder's weights belongs to ``labels``.
    public var hasLabelledClassifier: Bool { labelsProblem == nil && otherArchitecture == nil }

    /// How many numbers the embeddings and the encoder layers have: no pooler and no classifier, which may be new.
    public var encoderParameterCount: Int {
        let h = hiddenSize
        let embeddings = (vocabSize + maxPositions + typeVocabSize + 2) * h
        let attention = 4 * (h * h + h) + 2 * h
        let feedForward = 2 * h * intermediateSize + intermediateSize + h + 2 * h
        return embeddings + layers * (attention + feedForward)
    }
}
