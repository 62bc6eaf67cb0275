import Cluster
import Corpus
import Foundation
import Inference
import Modeling

extension TextPipeline {
    /// Loads the model in a folder.
    ///
    /// - Parameters:
    ///   - path: The folder.
    ///   - adapter: The folder of an adapter of the model; nil for none.
    ///   - task: What the model is to be used for, where its folder leaves that open; nil for no choice.
    ///   - threads: How many threads compute.
    ///   - maxLength: Tokens of a text at most; nil for as many as in the run that the adapter or the model comes from,
    ///     or else as the folder says: `max_seq_length` of a model of embeddings, `model_max_length` of any other.
    ///   - precision: The number format of matrix products; the machine must have it.
    ///   - appendsEmbeddings: Whether a classifier on embeddings tells these too, and what it says by them.
    init(
        path: String, adapter: String? = nil, task: (any Task)? = nil, threads: Int, maxLength: Int?,
        precision: Precision, appendsEmbeddings: Bool = false
    ) throws {
        let folder = try ModelFolder(path: path)
        let limit = folder.configuration.encoder.maxLength
        if let maxLength, !(3...limit).contains(maxLength) {
            throw ConfigurationError.invalid(
                "max-length", value: "\(maxLength)", need: "3 to the \(limit) tokens of the model")
        }
        let run = adapter.flatMap { Self.maxLengthOfRun(modelPath: $0) }
        let adapter = try adapter.map { try AdapterFolder(path: $0, for: folder.configuration) }
        if adapter == nil { try folder.requireLabels() }
        if let notice = adapter?.labelsNotice(of: folder.configuration) { StandardError.write(notice) }
        let own = folder.sentenceModules?.pooling == nil ? nil : folder.sentenceModules?.maxLength
        let known = try run ?? Self.maxLengthOfRun(modelPath: path) ?? own ?? TokenizerLength.read(folder: folder.path)
        try self.init(
            folder, adapter: adapter, task: task, threads: threads,
            maxLength: max(3, maxLength ?? min(limit, known ?? RunConfiguration.defaultMaxLength)),
            precision: precision, appendsEmbeddings: appendsEmbeddings)
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
    func tokenReview(_ texts: [Example]) -> TokenReview {
        var texts = texts
        if task.encodesApart { texts = Dataset(path: "", labels: [], examples: texts).apart.examples }
        return TokenReview(count: texts.count, tokenizer: tokenizer, maxLength: maxLength) {
            (texts[$0].text, texts[$0].pair)
        }
    }

    /// Adds how a data set's texts fit the tokenizer and the length.
    func addTokens(of data: Dataset, to review: inout DatasetReview) {
        review.addTokens(
            [(name: "", data: task.encodesApart ? data.apart : data)], tokenizer: tokenizer, maxLength: maxLength,
            areCut: !task.tagsWords)
    }
}
