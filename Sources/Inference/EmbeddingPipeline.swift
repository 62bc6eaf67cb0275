import Corpus
import Modeling
import Support
import Tokenization

/// From texts to embeddings, as the folder of a model says that they are made.
public struct EmbeddingPipeline {
    /// Embeddings are made of the text with this before it.
    public let prefix: String
    /// The model's pooling.
    public let head: SentenceEmbedding
    /// Computes texts with the prefix before them.
    public let pipeline: TextPipeline

    /// Loads the folder of a model: one of sentence-transformers, or any other, whose tokens are then averaged.
    ///
    /// - Parameters:
    ///   - threads: How many threads compute.
    ///   - maxLength: Tokens of a text at most; nil for what the folder says.
    ///   - prefix: What is put before each text; nil for the folder's default prompt, or nothing.
    ///   - precision: In what products are computed.
    /// - Throws: An error that names the folder or file, and what to do.
    public init(
        _ folder: ModelFolder, threads: Int, maxLength: Int?, prefix: String?, precision: Precision
    ) throws {
        let modules = folder.sentenceModules ?? SentenceModules()
        try modules.requireKnown(folder: folder.root, width: folder.configuration.encoder.hidden)
        try folder.requireMerged()
        let limit = folder.configuration.encoder.maxLength
        if let maxLength, !(3...limit).contains(maxLength) {
            throw FileError(
                folder.path, "--max-length is \(maxLength), but must be 3 to the \(limit) tokens of the model")
        }
        let known = try maxLength ?? modules.maxLength ?? TokenizerLength.read(folder: folder.path) ?? limit
        head = SentenceEmbedding(folder.configuration)
        self.prefix = prefix ?? modules.defaultPrompt.flatMap { modules.prompts[$0] } ?? ""
        let tokenizer = try TokenizerFolder.load(folder.path)
        try ModelFit.check(tokenizer, folder)
        let model = try InferenceModel(
            folder,
            ModelSpecification(encoder: folder.configuration.encoder, head: head, objective: CosineSimilarity()),
            threads: threads, precision: precision)
        pipeline = TextPipeline(
            folder.configuration, path: folder.path, tokenizer: tokenizer, maxLength: max(3, min(limit, known)),
            model: model, team: model.team)
        guard
            self.prefix.isEmpty
                || tokenizer.encode(self.prefix, maxLength: Int(Int32.max)).inputIDs.count < pipeline.maxLength
        else {
            throw FileError(
                folder.path,
                "what is put before each text, \(quoted(self.prefix)), takes all of the \(pipeline.maxLength) tokens that a "
                    + "text has: shorten it (--prefix), or give a larger --max-length")
        }
    }

    /// Tokens of a text at most.
    public var maxLength: Int { pipeline.maxLength }

    /// The embedding of each text, in order.
    ///
    /// - Throws: An error about a text that the model cannot take.
    public func embeddings(_ texts: [String]) throws -> [[Float]] {
        try pipeline.outputs(examples(texts)).map(\.values)
    }

    /// Texts with the prefix before them.
    public func examples(_ texts: [String]) -> [Example] { texts.map { Example(text: prefix + $0) } }
}
