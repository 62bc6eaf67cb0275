/// The names of tensors that BERT and the families that come from it have in common.
struct BERTNames {
    /// What names of the encoder begin with, such as `bert.`.
    let prefix: String

    /// The name of a tensor of the encoder; nil for those of the head.
    func encoder(_ id: ParameterID) -> String? {
        switch id {
        case .embedding(.words): prefix + "embeddings.word_embeddings.weight"
        case .embedding(.positions): prefix + "embeddings.position_embeddings.weight"
        case .embedding(.segments): prefix + "embeddings.token_type_embeddings.weight"
        case .embedding(.relativeBias): prefix + "encoder.relative_attention_bias.weight"
        case .embeddingNorm(let part): prefix + "embeddings.LayerNorm.\(part.rawValue)"
        case .embeddingProjection(let part): prefix + "embeddings_project.\(part.rawValue)"
        case .layer(let index, let layerPart, let part):
            prefix + "encoder.layer.\(index).\(Self.name(layerPart)).\(part.rawValue)"
        case .head: nil
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
        // No model of these families has one.
        case .finalNorm: "final_norm"
        }
    }

    /// The name of a tensor of a classifier of texts that is called `classifier` as a whole, or of one of words.
    static func classifier(_ id: ParameterID) -> String? {
        switch id {
        case .head(SequenceClassification.Part.dense, let part): "classifier.dense.\(part.rawValue)"
        case .head(SequenceClassification.Part.classifier, let part): "classifier.out_proj.\(part.rawValue)"
        case .head(TokenClassification.Part.classifier, let part): "classifier.\(part.rawValue)"
        default: nil
        }
    }

    /// The name of a tensor of a masked language model's head that is called `lm_head`.
    static func languageModel(_ id: ParameterID) -> String? {
        switch id {
        case .head(MaskedLanguageModel.Part.transform, let part): "lm_head.dense.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.norm, let part): "lm_head.layer_norm.\(part.rawValue)"
        case .head(MaskedLanguageModel.Part.decoder, _): "lm_head.bias"
        default: nil
        }
    }

    /// Older files leave out the prefix, and say gamma and beta.
    func aliases(of name: String) -> [String] {
        let short = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        let modern = [name] + (short.map { [$0] } ?? [])
        guard name.contains("LayerNorm") else { return Array(modern.dropFirst()) }
        let old = modern.map { name in
            name.hasSuffix(".weight") ? String(name.dropLast(6)) + "gamma" : String(name.dropLast(4)) + "beta"
        }
        return modern.dropFirst() + old
    }

    /// Whether it is a table of numbers that count up, as old versions of `transformers` wrote them, or a pooler.
    func isIrrelevant(_ name: String) -> Bool {
        name.hasSuffix("embeddings.position_ids") || name.hasSuffix("embeddings.token_type_ids")
            || name.hasPrefix(prefix + "pooler.") || name.hasPrefix("pooler.")
    }

    /// See ``ModelFamily/part(ofTensor:)``.
    static func part(ofTensor name: String) -> TensorPart? {
        if name.contains("encoder.layer.") { return .layers }
        return name.hasPrefix("classifier") ? .head : nil
    }
}
