import Support

/// RoBERTa (Liu et al. 2019), and the families that differ from it in their pieces alone: XLM-RoBERTa (Conneau et al.
/// 2020) and CamemBERT (Martin et al. 2020).
public enum RoBERTa: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = [
        "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert",
    ]

    private static let names = BERTNames(prefix: "roberta.")

    private static func entries(vocabulary: Int) -> BERTEntries {
        BERTEntries(defaults: .init(vocabulary: vocabulary, padding: 1), firstPosition: .behindPadding)
    }

    /// The entries and defaults of `transformers.RobertaConfig` and its kin.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        let isRoBERTa = config.value("model_type") == .string("roberta")
        var configuration = try entries(vocabulary: isRoBERTa ? 50265 : 30522).read(config)
        configuration.classifierDropout = try BERTEntries.classifierDropout(config)
        return configuration
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        self.entries(vocabulary: 0).write(configuration, into: &entries)
        entries["classifier_dropout"] = configuration.classifierDropout.map { .float($0) } ?? .null
    }

    /// Dropout, a linear layer and tanh on the first token, dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? configuration.encoder.hiddenDropout,
            problem: problem, shape: ClassifierShape(dropsInput: true))
    }

    /// `RobertaForMaskedLM`.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        MaskedLanguageModel(configuration.encoder)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        names.encoder(id) ?? BERTNames.classifier(id) ?? BERTNames.languageModel(id) ?? id.stableName
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
