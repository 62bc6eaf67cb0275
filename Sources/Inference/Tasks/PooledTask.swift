import Corpus
import Modeling
import Support
import Tokenization

/// A task of texts whose outputs can come from a linear layer on embeddings.
public protocol PooledTask: Task {
    /// How that works, where the model is one; nil for a head as `transformers` has it.
    var pooled: PooledClassifier? { get set }
    /// What the outputs mean.
    static var problem: ProblemType { get }
}

extension PooledTask {
    /// That of a classifier of sequences in `transformers`, or of a linear layer on embeddings.
    public var purpose: ModelPurpose {
        pooled == nil
            ? ModelPurpose(classSuffix: ModelPurpose.sequenceClassification, problem: Self.problem)
            : .pooled(Self.problem)
    }

    /// The same with what the folder of a model on embeddings says beside its weights.
    ///
    /// - Throws: An error that names the file that cannot be read.
    func reading(_ folder: ModelFolder) throws(FileError) -> Self {
        guard pooled != nil else { return self }
        var task = self
        task.pooled = try PooledClassifier(folder)
        return task
    }

    /// How embeddings are made, where outputs stand on them: as the folder says, else the mean over the tokens, of
    /// length 1.
    public func configure(_ configuration: inout ModelConfiguration) {
        guard pooled != nil else { return }
        var modules = configuration.sentenceModules ?? SentenceModules()
        (modules.pooling, modules.normalizes) = (modules.pooling ?? .mean, true)
        configuration.sentenceModules = modules
    }

    /// As `transformers` builds it for the family; or on the embedding, where the model has that.
    public func head(_ configuration: ModelConfiguration) -> any Head {
        guard let pooled else { return configuration.classifierHead(Self.problem) }
        var head = PooledClassification(configuration)
        head.problem = Self.problem
        head.appendedWidth = pooled.appendedWidth
        return head
    }

    /// One sequence; or windows of a long text, where the model was made of such.
    public func inputs(_ tokenizer: any Tokenizer, maxLength: Int) -> @Sendable (Example) -> [TextInput] {
        let windows = TextWindows(tokenizer, maxLength: maxLength, most: pooled?.windows ?? 1)
        return { windows.encodings($0.text, pair: $0.pair).map { TextInput(encoding: $0) } }
    }

    /// The outputs of the whole text.
    public func combined(_ outputs: TextOutputs) -> TextOutputs { pooled?.combined(outputs) ?? outputs }

    /// The same for a model with this configuration, if its outputs stand on embeddings.
    func pooling(by configuration: ModelConfiguration) -> Self {
        guard configuration.purpose.isPooled else { return self }
        var task = self
        task.pooled = PooledClassifier(classes: configuration.labels.count)
        return task
    }
}
