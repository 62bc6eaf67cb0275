import Support

/// ELECTRA (Clark et al. 2020), discriminator or generator: its embeddings may be narrower than its layers.
public enum ELECTRA: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["electra": "Electra"]

    private static let names = BERTNames(prefix: "electra.")
    private static let entries = BERTEntries(
        defaults: .init(vocabulary: 30522, hidden: 256, heads: 4, intermediate: 1024))

    /// The entries and defaults of `transformers.ElectraConfig`.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        var configuration = try entries.read(config)
        let width = try config.integer("embedding_size", default: 128, in: EncoderArchitecture.Limits.hidden)
        configuration.encoder.features.embeddingWidth = width == configuration.encoder.hidden ? nil : width
        configuration.classifierDropout = try BERTEntries.classifierDropout(config)
        return configuration
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        self.entries.write(configuration, into: &entries)
        entries["embedding_size"] = .integer(configuration.encoder.embeddingWidth)
        entries["classifier_dropout"] = configuration.classifierDropout.map { .float($0) } ?? .null
    }

    /// Dropout, a linear layer and GELU on the first token, dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? configuration.encoder.hiddenDropout,
            problem: problem, shape: ClassifierShape(dropsInput: true, activation: .gelu))
    }

    /// `ElectraForMaskedLM`, the generator: its linear layer brings rows back to the width of the embeddings.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        MaskedLanguageModel(configuration.encoder)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        if let name = names.encoder(id) ?? BERTNames.classifier(id) { return name }
        return switch id {
        case .head(MaskedLanguageModel.Part.transform, let part): "generator_predictions.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "generator_predictions.LayerNorm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "generator_lm_head.bias"
        default: id.stableName
        }
    }

    /// See ``BERTNames``.
    public static func aliases(of name: String) -> [String] { names.aliases(of: name) }

    /// The heads of pretraining, and tables of numbers that count up.
    public static func isIrrelevant(_ name: String) -> Bool {
        name.hasPrefix("discriminator_predictions.") || name.hasPrefix("generator_") || names.isIrrelevant(name)
    }

    /// See ``ModelFamily``.
    public static func part(ofTensor name: String) -> TensorPart? { BERTNames.part(ofTensor: name) }
}
