import Support

/// MPNet (Song et al. 2020): attention has a bias by distance, and there are no segments.
public enum MPNet: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["mpnet": "MPNet"]

    private static let names = BERTNames(prefix: "mpnet.")
    /// `transformers` begins with position 2, whatever config.json says of padding.
    private static let entries = BERTEntries(
        defaults: .init(vocabulary: 30527, padding: 1), firstPosition: .row(2), hasSegments: false)
    /// `transformers` counts in so many, whatever config.json says.
    private static let relativeBias = EncoderArchitecture.RelativeBias(buckets: 32, maxDistance: 128)

    /// The entries and defaults of `transformers.MPNetConfig`.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        try config.require("relative_attention_num_buckets", .integer(relativeBias.buckets))
        var configuration = try entries.read(config)
        configuration.encoder.features.relativeBias = relativeBias
        return configuration
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        self.entries.write(configuration, into: &entries)
        entries["relative_attention_num_buckets"] = .integer(relativeBias.buckets)
    }

    /// Dropout, a linear layer and tanh on the first token, dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.encoder.hiddenDropout, problem: problem,
            shape: ClassifierShape(dropsInput: true))
    }

    /// `MPNetForMaskedLM`.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        MaskedLanguageModel(configuration.encoder)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        if case .layer(let index, let layerPart, let part) = id, let name = attention(layerPart) {
            return "mpnet.encoder.layer.\(index).attention.\(name).\(part.rawValue)"
        }
        return names.encoder(id) ?? BERTNames.classifier(id) ?? BERTNames.languageModel(id) ?? id.stableName
    }

    private static func attention(_ part: ParameterID.LayerPart) -> String? {
        switch part {
        case .query: "attn.q"
        case .key: "attn.k"
        case .value: "attn.v"
        case .attentionOutput: "attn.o"
        case .attentionNorm: "LayerNorm"
        default: nil
        }
    }

    /// See ``BERTNames``.
    public static func aliases(of name: String) -> [String] {
        name == "lm_head.bias" ? ["lm_head.decoder.bias"] : names.aliases(of: name)
    }

    /// The head of pretraining, a pooler, and tables of numbers that count up.
    public static func isIrrelevant(_ name: String) -> Bool {
        name.hasPrefix("lm_head.") || names.isIrrelevant(name)
    }

    /// See ``ModelFamily``.
    public static func part(ofTensor name: String) -> TensorPart? { BERTNames.part(ofTensor: name) }
}
