import Support

/// DistilBERT (Sanh et al. 2019): BERT without segments and pooler.
public enum DistilBERT: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["distilbert": "DistilBert"]

    /// It is no entry of config.json.
    private static let epsilon: Float = 1e-12

    /// The entries and defaults of `transformers.DistilBertConfig`, which takes the usual names of some for its own.
    /// Sinusoidal positions, which never learn, are refused.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        typealias Limits = EncoderArchitecture.Limits
        try config.require("sinusoidal_pos_embds", .bool(false))
        func key(_ own: String, _ usual: String) -> String { !config.has(own) && config.has(usual) ? usual : own }
        let vocabulary = try config.integer("vocab_size", default: 30522, in: Limits.vocabulary)
        _ = try config.integer("pad_token_id", default: 0, in: 0...(vocabulary - 1))
        let hidden = try config.integer(key("dim", "hidden_size"), default: 768, in: Limits.hidden)
        let layers = try config.integer(key("n_layers", "num_hidden_layers"), default: 6, in: Limits.layers)
        let heads = try config.integer(key("n_heads", "num_attention_heads"), default: 12, in: Limits.heads)
        guard hidden % heads == 0 else {
            throw config.failure("dim \(hidden) is not a multiple of n_heads \(heads)")
        }
        let intermediate = try config.integer("hidden_dim", default: 3072, in: Limits.intermediate)
        var encoder = EncoderArchitecture(
            vocabulary: vocabulary, hidden: hidden,
            positions: .absolute(
                rows: try config.integer("max_position_embeddings", default: 512, in: Limits.positions), offset: 0),
            segments: 0,
            layers: .init(repeating: .init(heads: heads, intermediate: intermediate), count: layers), epsilon: epsilon,
            initializerRange: try config.deviation("initializer_range", default: 0.02),
            hiddenDropout: try config.probability("dropout", default: 0.1),
            attentionDropout: try config.probability("attention_dropout", default: 0.1))
        encoder.features.activation = try config.activation("activation")
        encoder.features.dropsAttentionOutput = false
        return FamilyConfiguration(
            encoder: encoder, classifierDropout: try config.probability("seq_classif_dropout", default: 0.2))
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        let encoder = configuration.encoder
        entries["vocab_size"] = .integer(encoder.vocabulary)
        entries["dim"] = .integer(encoder.hidden)
        entries["n_layers"] = .integer(encoder.layers.count)
        entries["n_heads"] = .integer(encoder.layers.first?.heads ?? 0)
        entries["hidden_dim"] = .integer(encoder.layers.first?.intermediate ?? 0)
        entries["max_position_embeddings"] = .integer(encoder.positionRows)
        entries["initializer_range"] = .float(encoder.initializerRange)
        entries["dropout"] = .float(encoder.hiddenDropout)
        entries["attention_dropout"] = .float(encoder.attentionDropout)
        entries["seq_classif_dropout"] = .float(configuration.classifierDropout ?? 0.2)
        BERTEntries.fill("activation", encoder.features.activation, in: &entries)
        if entries["pad_token_id"]?.isNull ?? true { entries["pad_token_id"] = .integer(0) }
    }

    /// A linear layer and ReLU on the first token, dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? 0.2, problem: problem,
            shape: ClassifierShape(activation: .relu))
    }

    /// With the dropout of the encoder, not with that of a classifier of texts.
    public static func tokenClassifier(_ configuration: FamilyConfiguration, labels: Int) -> TokenClassification {
        TokenClassification(labels: labels, dropout: configuration.encoder.hiddenDropout)
    }

    /// `DistilBertForMaskedLM`.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        MaskedLanguageModel(configuration.encoder, activation: configuration.encoder.features.activation)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        switch id {
        case .embedding(.words): "distilbert.embeddings.word_embeddings.weight"
        case .embedding(.positions): "distilbert.embeddings.position_embeddings.weight"
        case .embeddingNorm(let part): "distilbert.embeddings.LayerNorm.\(part.rawValue)"
        case .layer(let index, let layerPart, let part):
            "distilbert.transformer.layer.\(index).\(name(layerPart)).\(part.rawValue)"
        case .head(SequenceClassification.Part.dense, let part): "pre_classifier.\(part.rawValue)"
        case .head(SequenceClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        case .head(TokenClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.transform, let part): "vocab_transform.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "vocab_layer_norm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "vocab_projector.bias"
        case .embedding, .embeddingProjection, .head: id.stableName
        }
    }

    private static func name(_ part: ParameterID.LayerPart) -> String {
        switch part {
        case .query: "attention.q_lin"
        case .key: "attention.k_lin"
        case .value: "attention.v_lin"
        case .attentionOutput: "attention.out_lin"
        case .attentionNorm: "sa_layer_norm"
        case .intermediate: "ffn.lin1"
        case .output: "ffn.lin2"
        case .outputNorm: "output_layer_norm"
        // No model of the family has one.
        case .finalNorm: "final_norm"
        }
    }

    /// Older files leave out `distilbert.`, and say gamma and beta.
    public static func aliases(of name: String) -> [String] {
        let short = name.hasPrefix("distilbert.") ? String(name.dropFirst(11)) : nil
        let modern = [name] + (short.map { [$0] } ?? [])
        guard name.contains("layer_norm.") || name.contains("LayerNorm.") else { return Array(modern.dropFirst()) }
        let old = modern.map { name in
            name.hasSuffix(".weight") ? String(name.dropLast(6)) + "gamma" : String(name.dropLast(4)) + "beta"
        }
        return modern.dropFirst() + old
    }

    /// The head of pretraining, and a table of numbers that count up.
    public static func isIrrelevant(_ name: String) -> Bool {
        name.hasPrefix("vocab_") || name.hasSuffix("embeddings.position_ids")
    }

    /// See ``ModelFamily``.
    public static func part(ofTensor name: String) -> TensorPart? {
        if name.contains("transformer.layer.") { return .layers }
        return name.hasPrefix("classifier") || name.hasPrefix("pre_classifier") ? .head : nil
    }
}
