import Support

/// BERT (Devlin et al. 2019), as `BertModel` and `BertForSequenceClassification` of `transformers` store it.
public enum BERT: ModelFamily {
    /// See ``ModelFamily``.
    public static let modelTypes: KeyValuePairs = ["bert": "Bert"]

    /// `BertForMaskedLM`.
    public static let hasMaskedLanguageModel = true

    /// The entries and defaults of `transformers.BertConfig`.
    public static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        typealias Limits = EncoderArchitecture.Limits
        try config.require("position_embedding_type", .string("absolute"))
        try config.requireGELU("hidden_act")
        let vocabulary = try config.integer("vocab_size", default: 30522, in: Limits.vocabulary)
        _ = try config.integer("pad_token_id", default: 0, in: 0...(vocabulary - 1))
        let hidden = try config.integer("hidden_size", default: 768, in: Limits.hidden)
        let layers = try config.integer("num_hidden_layers", default: 12, in: Limits.layers)
        let heads = try config.integer("num_attention_heads", default: 12, in: Limits.heads)
        guard hidden % heads == 0 else {
            throw config.failure("hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
        let intermediate = try config.integer("intermediate_size", default: 3072, in: Limits.intermediate)
        let positions = try config.integer("max_position_embeddings", default: 512, in: Limits.positions)
        let encoder = EncoderArchitecture(
            vocabulary: vocabulary, hidden: hidden, positions: .absolute(rows: positions, offset: 0),
            segments: try config.integer("type_vocab_size", default: 2, in: 1...Limits.segments.upperBound),
            layers: [EncoderArchitecture.Layer](
                repeating: .init(heads: heads, intermediate: intermediate), count: layers),
            epsilon: try config.epsilon("layer_norm_eps", default: 1e-12),
            initializerRange: try config.deviation("initializer_range", default: 0.02),
            hiddenDropout: try config.probability("hidden_dropout_prob", default: 0.1),
            attentionDropout: try config.probability("attention_probs_dropout_prob", default: 0.1))
        return FamilyConfiguration(
            encoder: encoder,
            classifierDropout: config.has("classifier_dropout")
                ? try config.probability("classifier_dropout", default: 0) : nil)
    }

    /// See ``ModelFamily``.
    public static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
        let encoder = configuration.encoder
        let layer = encoder.layers.first
        entries["vocab_size"] = .integer(encoder.vocabulary)
        entries["hidden_size"] = .integer(encoder.hidden)
        entries["num_hidden_layers"] = .integer(encoder.layers.count)
        entries["num_attention_heads"] = .integer(layer?.heads ?? 0)
        entries["intermediate_size"] = .integer(layer?.intermediate ?? 0)
        entries["hidden_dropout_prob"] = .float(encoder.hiddenDropout)
        entries["attention_probs_dropout_prob"] = .float(encoder.attentionDropout)
        entries["max_position_embeddings"] = .integer(encoder.positionRows)
        entries["type_vocab_size"] = .integer(encoder.segments)
        entries["layer_norm_eps"] = .float(encoder.epsilon)
        entries["initializer_range"] = .float(encoder.initializerRange)
        entries["position_embedding_type"] = .string("absolute")
        entries["classifier_dropout"] = configuration.classifierDropout.map { .float($0) } ?? .null
        // Whatever the file says of these has been checked, and stays.
        for (key, value) in [("hidden_act", JSONValue.string("gelu")), ("pad_token_id", .integer(0))]
        where entries[key]?.isNull ?? true {
            entries[key] = value
        }
    }

    /// The pooler (a linear layer and tanh on the first token), dropout, and a linear classifier.
    public static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(
            labels: labels, dropout: configuration.classifierDropout ?? configuration.encoder.hiddenDropout,
            problem: problem)
    }

    /// See ``ModelFamily``.
    public static func tensorName(_ id: ParameterID) -> String {
        switch id {
        case .embedding(.words): "bert.embeddings.word_embeddings.weight"
        case .embedding(.positions): "bert.embeddings.position_embeddings.weight"
        case .embedding(.segments): "bert.embeddings.token_type_embeddings.weight"
        case .embeddingNorm(let part): "bert.embeddings.LayerNorm.\(part.rawValue)"
        case .layer(let index, let layerPart, let part):
            "bert.encoder.layer.\(index).\(name(layerPart)).\(part.rawValue)"
        case .head("pooler", let part): "bert.pooler.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.transform, let part): "cls.predictions.transform.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "cls.predictions.transform.LayerNorm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "cls.predictions.bias"
        case .head(TokenClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        case .head(let name, let part): "\(name).\(part.rawValue)"
        }
    }

    private static func name(_ part: ParameterID.LayerPart) -> String {
        switch part {
        case .query: "attention.self.query"
        case .key: "attention.self.key"
        case .value: "attention.self.value"
        case .attentionOutput: "attention.output.dense"
        case .attentionNorm: "attention.output.LayerNorm"
        case .intermediate: "intermediate.dense"
        case .output: "output.dense"
        case .outputNorm: "output.LayerNorm"
        }
    }

    /// Older checkpoints leave out `bert.`, and say gamma and beta.
    public static func aliases(of name: String) -> [String] {
        if name == "cls.predictions.bias" { return ["cls.predictions.decoder.bias"] }
        let short = name.hasPrefix("bert.") ? String(name.dropFirst(5)) : nil
        let modern = [name] + (short.map { [$0] } ?? [])
        guard name.contains("LayerNorm") else { return Array(modern.dropFirst()) }
        let old = modern.map { name in
            name.hasSuffix(".weight") ? String(name.dropLast(6)) + "gamma" : String(name.dropLast(4)) + "beta"
        }
        return modern.dropFirst() + old
    }

    /// The head of pretraining, and tables of numbers that count up, as old versions of `transformers` wrote them.
    public static func isIrrelevant(_ name: String) -> Bool {
        name.hasPrefix("cls.") || name.hasSuffix("embeddings.position_ids")
            || name.hasSuffix("embeddings.token_type_ids")
    }

    /// See ``ModelFamily``. Nil for the pooler: models with and without a classifier have it.
    public static func part(ofTensor name: String) -> TensorPart? {
        if name.contains("encoder.layer.") { return .layers }
        return name.hasPrefix("classifier") ? .head : nil
    }
}
