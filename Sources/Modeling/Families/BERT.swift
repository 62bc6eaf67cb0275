import Support

/// BERT (Devlin et al. 2019), as `BertModel` and `BertForSequenceClassification` of `transformers` store it.
public enum BERT: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["bert": "Bert"]

    private static let entries = BERTEntries(defaults: .init(vocabulary: 30522))
    private static let names = BERTNames(prefix: "bert.")

    /// The entries and defaults of `transformers.BertConfig`.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        var configuration = try entries.read(config)
        configuration.classifierDropout = try BERTEntries.classifierDropout(config)
        return configuration
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        self.entries.write(configuration, into: &entries)
        entries["classifier_dropout"] = configuration.classifierDropout.map { .float($0) } ?? .null
    }

    /// The pooler (a linear layer and tanh on the first token), dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? configuration.encoder.hiddenDropout,
            problem: problem)
    }

    /// `BertForMaskedLM`.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        MaskedLanguageModel(configuration.encoder, activation: configuration.encoder.features.activation)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        if let name = names.encoder(id) { return name }
        return switch id {
        case .head(SequenceClassification.Part.dense, let part): "bert.pooler.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.transform, let part): "cls.predictions.transform.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "cls.predictions.transform.LayerNorm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "cls.predictions.bias"
        case .head(let name, let part): "\(name).\(part.rawValue)"
        default: id.stableName
        }
    }

    /// Older checkpoints leave out `bert.`, and say gamma and beta.
    public static func aliases(of name: String) -> [String] {
        name == "cls.predictions.bias" ? ["cls.predictions.decoder.bias"] : names.aliases(of: name)
    }

    /// The head of pretraining, and tables of numbers that count up, as old versions of `transformers` wrote them.
    public static func isIrrelevant(_ name: String) -> Bool {
        name.hasPrefix("cls.") || name.hasSuffix("embeddings.position_ids")
            || name.hasSuffix("embeddings.token_type_ids")
    }

    /// See ``ModelFamily``. Nil for the pooler: models with and without a classifier have it.
    public static func part(ofTensor name: String) -> TensorPart? { BERTNames.part(ofTensor: name) }
}
