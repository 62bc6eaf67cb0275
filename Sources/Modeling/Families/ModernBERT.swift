import Support

/// ModernBERT (Warner et al. 2024): LayerNorms in front, rotary positions, gates, and attention to near tokens alone in
/// most layers.
public enum ModernBERT: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["modernbert": "ModernBert"]

    /// The entries and defaults of `transformers.ModernBertConfig`.
    ///
    /// In `transformers` there is dropout in front of the feed-forward network's second layer (`mlp_dropout`), here
    /// behind it; and that on the attention's output is `attention_dropout`, here that of the embeddings. Published
    /// models have none at all.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        typealias Limits = EncoderArchitecture.Limits
        // It leaves out outputs, which changes what a masked language model gives back.
        try config.require("sparse_prediction", .bool(false))
        let vocabulary = try config.integer("vocab_size", default: 50368, in: Limits.vocabulary)
        if config.has("pad_token_id") {
            _ = try config.integer("pad_token_id", default: nil, in: 0...(vocabulary - 1))
        }
        let hidden = try config.integer("hidden_size", default: 768, in: Limits.hidden)
        let heads = try config.integer("num_attention_heads", default: 12, in: Limits.heads)
        guard hidden % heads == 0, (hidden / heads).isMultiple(of: 2) else {
            throw config.failure(
                "hidden_size \(hidden) is not an even multiple of num_attention_heads \(heads)")
        }
        try config.require("head_dim", .integer(hidden / heads))
        let dropout = try config.probability("embedding_dropout", default: 0)
        guard try config.probability("mlp_dropout", default: 0) == dropout else {
            throw config.failure("mlp_dropout is not the same as embedding_dropout, which is not supported")
        }
        let bases = try ModernBERTEntries.rotaryBases(config)
        let epsilon = try config.epsilon("norm_eps", default: 1e-5)
        var encoder = EncoderArchitecture(
            vocabulary: vocabulary, hidden: hidden,
            positions: .rotary(
                length: try config.integer("max_position_embeddings", default: 8192, in: Limits.positions),
                globalBase: bases.global, localBase: bases.local),
            segments: 0,
            layers: try ModernBERTEntries.layers(
                config, heads: heads,
                intermediate: try config.integer("intermediate_size", default: 1152, in: Limits.intermediate)),
            epsilon: epsilon, initializerRange: try config.deviation("initializer_range", default: 0.02),
            hiddenDropout: dropout, attentionDropout: try config.probability("attention_dropout", default: 0))
        _ = try config.activation("hidden_activation", [.geglu])
        encoder.features.activation = .geglu
        encoder.features.normalization = .pre
        encoder.features.biases = .init(
            attention: try config.flag("attention_bias", default: false),
            feedForward: try config.flag("mlp_bias", default: false),
            norm: try config.flag("norm_bias", default: false))
        return FamilyConfiguration(
            encoder: encoder, classifierDropout: try config.probability("classifier_dropout", default: 0),
            classifierShape: ClassifierShape(
                pooling: try config.choice("classifier_pooling", default: .first),
                hasBias: try config.flag("classifier_bias", default: false),
                activation: try config.choice("classifier_activation", default: .gelu),
                norm: .init(epsilon: epsilon, hasBias: encoder.features.biases.norm)))
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        let encoder = configuration.encoder
        let shape = classifierShape(configuration)
        entries["vocab_size"] = .integer(encoder.vocabulary)
        entries["hidden_size"] = .integer(encoder.hidden)
        entries["num_hidden_layers"] = .integer(encoder.layers.count)
        entries["num_attention_heads"] = .integer(encoder.layers.first?.heads ?? 0)
        entries["intermediate_size"] = .integer(encoder.layers.first?.intermediate ?? 0)
        entries["max_position_embeddings"] = .integer(encoder.maxLength)
        entries["norm_eps"] = .float(encoder.epsilon)
        entries["initializer_range"] = .float(encoder.initializerRange)
        entries["embedding_dropout"] = .float(encoder.hiddenDropout)
        entries["mlp_dropout"] = .float(encoder.hiddenDropout)
        entries["attention_dropout"] = .float(encoder.attentionDropout)
        entries["norm_bias"] = .bool(encoder.features.biases.norm)
        entries["attention_bias"] = .bool(encoder.features.biases.attention)
        entries["mlp_bias"] = .bool(encoder.features.biases.feedForward)
        entries["classifier_dropout"] = .float(configuration.classifierDropout ?? 0)
        entries["classifier_pooling"] = .string(shape.pooling.rawValue)
        entries["classifier_bias"] = .bool(shape.hasBias)
        entries["classifier_activation"] = .string(shape.activation.rawValue)
        BERTEntries.fill("hidden_activation", .geglu, in: &entries)
        ModernBERTEntries.write(encoder, into: &entries)
    }

    private static func classifierShape(_ configuration: FamilyConfiguration) -> ClassifierShape {
        let encoder = configuration.encoder
        return configuration.classifierShape
            ?? ClassifierShape(
                hasBias: false, activation: .gelu,
                norm: .init(epsilon: encoder.epsilon, hasBias: encoder.features.biases.norm))
    }

    /// A linear layer, GELU and LayerNorm on the first token, or on the mean over all, dropout, and a linear
    /// classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? 0, problem: problem,
            shape: classifierShape(configuration))
    }

    /// The layers of a classifier of texts, for each word.
    public static func tokenClassifier(_ configuration: FamilyConfiguration, labels: Int) -> TokenClassification {
        TokenClassification(
            labels: labels, dropout: configuration.classifierDropout ?? 0, shape: classifierShape(configuration))
    }

    /// `ModernBertForMaskedLM`: its linear layer is that of a classifier.
    public static func maskedLanguageModel(_ configuration: FamilyConfiguration) -> MaskedLanguageModel? {
        let shape = classifierShape(configuration)
        var head = MaskedLanguageModel(configuration.encoder)
        switch shape.activation {
        case .gelu: head.activation = .gelu
        case .relu: head.activation = .relu
        case .tanh: return nil
        }
        head.hasBias = shape.hasBias
        head.hasNormBias = shape.norm?.hasBias ?? true
        return head
    }

    /// See ``ModelFamily``. Query, key and value are one tensor.
    public static func tensorName(_ id: ParameterID) -> String {
        switch id {
        case .embedding(.words): "model.embeddings.tok_embeddings.weight"
        case .embeddingNorm(let part): "model.embeddings.norm.\(part.rawValue)"
        case .layer(_, .finalNorm, let part): "model.final_norm.\(part.rawValue)"
        case .layer(let index, let layerPart, let part): "model.layers.\(index).\(name(layerPart)).\(part.rawValue)"
        case .head(SequenceClassification.Part.dense, let part): "head.dense.\(part.rawValue)"
        case .head(SequenceClassification.Part.norm, let part): "head.norm.\(part.rawValue)"
        case .head(SequenceClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        case .head(TokenClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.transform, let part): "head.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "head.norm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "decoder.bias"
        case .embedding, .embeddingProjection, .head: id.stableName
        }
    }

    private static func name(_ part: ParameterID.LayerPart) -> String {
        switch part {
        case .query, .key, .value: "attn.Wqkv"
        case .attentionOutput: "attn.Wo"
        case .attentionNorm: "attn_norm"
        case .intermediate: "mlp.Wi"
        case .output: "mlp.Wo"
        case .outputNorm: "mlp_norm"
        case .finalNorm: "final_norm"
        }
    }

    /// Files of the bare encoder leave out `model.`.
    public static func aliases(of name: String) -> [String] {
        name.hasPrefix("model.") ? [String(name.dropFirst(6))] : []
    }

    /// The decoder of pretraining, which shares its matrix with the embeddings.
    public static func isIrrelevant(_ name: String) -> Bool { name.hasPrefix("decoder.") }

    /// See ``ModelFamily``. Nil for what models with and without a classifier have.
    public static func part(ofTensor name: String) -> TensorPart? {
        if name.hasPrefix("model.layers.") || name.hasPrefix("layers.") { return .layers }
        return name.hasPrefix("classifier.") ? .head : nil
    }
}
