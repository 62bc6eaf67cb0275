import Cluster
import Corpus
import Foundation
import Tokenization
import Training
import Modeling

/// A model folder, ready to classify texts.
struct TextClassifier {
    /// How many texts are sorted by length together.
    static let window = 1024
    /// About how many tokens are computed at once by a thread: enough for the matrix products to run at full speed.
    private static let batchTokens = 2048
    /// Tokens of a text at most where nothing else is known: the default of training.
    private static let defaultMaxLength = RunConfiguration.defaultMaxLength

    let labels: [String]
    /// Whether it was trained on pairs of texts; nil where that is not known.
    let isPairModel: Bool?
    private let threads: Int
    private let maxLength: Int
    private let tokenizer: BertTokenizer
    private let model: InferenceModel
    /// The folder, for messages.
    private let path: String

    /// Loads a folder.
    ///
    /// - Parameters:
    ///   - path: The folder.
    ///   - threads: How many threads compute.
    ///   - maxLength: Tokens of a text at most; nil for as many as in the run that the model comes from, or else as the
    ///     folder's `model_max_length` says.
    ///   - precision: In what products are computed; the machine must have it.
    init(path: String, threads: Int, maxLength: Int?, precision: Precision) throws {
        let directory = try ModelFolder(path: path)
        let limit = directory.configuration.encoder.maxLength
        if let maxLength, !(3...limit).contains(maxLength) {
            throw ConfigurationError.invalid(
                "max-length", value: "\(maxLength)", need: "3 to the \(limit) tokens of the model")
        }
        try directory.requireClassifier()
        labels = directory.configuration.labels
        self.path = directory.path
        isPairModel = directory.configuration.isTrainedOnPairs
        self.threads = threads
        let known = try Self.maxLengthOfRun(modelPath: path) ?? TokenizerLength.read(folder: path)
        self.maxLength = max(3, maxLength ?? min(limit, known ?? Self.defaultMaxLength))
        tokenizer = try BertTokenizer(modelDirectory: path)
        try ModelFit.check(tokenizer, directory)
        model = try InferenceModel(directory: directory, threads: threads, precision: precision)
    }

    /// What `run.yaml` says, where the model lies in a run directory as `model` or `checkpoints/step-…`.
    private static func maxLengthOfRun(modelPath: String) -> Int? {
        let folder = URL(fileURLWithPath: modelPath).standardizedFileURL.deletingLastPathComponent()
        for place in [folder, folder.deletingLastPathComponent()] {
            let file = place.appendingPathComponent("run.yaml").path
            if FileManager.default.fileExists(atPath: file) { return try? RunOptions(yamlFile: file).maxLength }
        }
        return nil
    }

    /// How texts fit the tokenizer and the length.
    func tokenReview(_ texts: [InputText]) -> TokenReview {
        TokenReview(count: texts.count, tokenizer: tokenizer, maxLength: maxLength) { (texts[$0].text, texts[$0].pair) }
    }

    /// Adds how a data set's texts fit the tokenizer and the length.
    func addTokens(of data: Dataset, to review: inout DatasetReview) {
        review.addTokens([(name: "", data: data)], tokenizer: tokenizer, maxLength: maxLength)
    }

    /// The length that texts are cut at, in tokens.
    var lengthLimit: Int { maxLength }

    /// The tokens of all texts, as they are computed.
    func tokenCount(_ texts: [InputText]) -> Int {
        texts.reduce(0) { $0 + tokenizer.encode($1.text, pair: $1.pair, maxLength: maxLength).inputIDs.count }
    }

    /// Makes sure that the model can take pairs of texts, if there are any.
    func check(hasPairs: Bool) throws {
        try ModelFit.check(tokenizer, model.configuration.encoder, path: path, hasPairs: hasPairs)
    }

    /// The logits of each text, in order.
    func logits(_ texts: [InputText]) throws -> [[Float]] {
        try check(hasPairs: texts.contains { $0.pair != nil })
        let (tokenizer, maxLength) = (tokenizer, maxLength)
        let encodings = model.team.mapRanges(of: texts.count) { range in
            range.map { tokenizer.encode(texts[$0].text, pair: texts[$0].pair, maxLength: maxLength) }
        }.flatMap { $0 }
        if let empty = encodings.firstIndex(where: { $0.inputIDs.isEmpty }) {
            throw ModelFit.noTokens(path: path, text: texts[empty].text)
        }
        let total = encodings.reduce(0) { $0 + $1.inputIDs.count }
        // A few batches a thread, so that all end at about the same time.
        let size = max(128, min(Self.batchTokens, total / (4 * threads)))
        var batches: [PackedBatch] = []
        var members: [[Int]] = []
        // Texts of a length go together: attention is computed by sequences, and batches get even.
        for index in encodings.indices.sorted(by: { encodings[$0].inputIDs.count > encodings[$1].inputIDs.count }) {
            let encoding = encodings[index]
            if batches.last.map({ $0.tokenCount + encoding.inputIDs.count > size }) ?? true {
                batches.append(PackedBatch())
                members.append([])
            }
            batches[batches.count - 1].append(
                tokenIDs: encoding.inputIDs, typeIDs: encoding.typeIDs, sampleKey: UInt32(truncatingIfNeeded: index))
            members[members.count - 1].append(index)
        }
        var result = [[Float]](repeating: [], count: texts.count)
        for (indices, logits) in zip(members, try model.logits(batches)) {
            for (position, index) in indices.enumerated() {
                result[index] = Array(logits[position * labels.count..<(position + 1) * labels.count])
            }
        }
        return result
    }
}
