/// A head without parameters whose outputs are embeddings of single texts, to be collected, or to be compared with
/// those of the other texts of a step: as ``SentenceEmbedding``, whose examples are pairs.
public struct TextEmbedding: Head {
    /// See ``Head``.
    public static let kind = "text-embedding"
    /// How embeddings are made.
    public var embedding: SentenceEmbedding

    /// A head that makes embeddings so.
    public init(_ embedding: SentenceEmbedding) { self.embedding = embedding }

    /// The first token, or all.
    public var reads: RowSelection { embedding.reads }
    /// An embedding.
    public var outputWidth: Int { embedding.width }
    /// None.
    public var dropout: Float { 0 }
    /// None.
    public var labelLinear: String? { nil }

    /// See ``Head``.
    public func validate() throws(ModelError) { try embedding.validate() }
    /// As wide as the encoder.
    public func validate(_ encoder: EncoderArchitecture) throws(ModelError) { try embedding.validate(encoder) }

    /// Nothing where embeddings are collected; or the class of each text.
    public func validate(_ targets: Targets) throws(ModelError) {
        switch targets {
        case .none: break
        case .classes(let classes):
            for label in classes where label < 0 { throw .invalidBatch("label \(label), must be at least 0") }
        case .values, .tokens: throw .invalidBatch("targets of embeddings that are no classes")
        }
    }

    /// Nothing.
    public func declare(into layout: inout LayoutBuilder, encoder: EncoderArchitecture) {}
    /// See ``Head``.
    public func makePasses(_ context: HeadContext) -> any HeadPasses { SentenceEmbeddingPasses(embedding) }
    /// The embeddings themselves.
    public func makeMetrics() -> any MetricAccumulator { CollectedOutputs(width: outputWidth) }
}
