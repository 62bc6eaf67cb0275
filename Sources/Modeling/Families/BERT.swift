import Checkpoint

/// BERT (Devlin et al. 2019), as `BertModel` and `BertForSequenceClassification` of `transformers` store it.
public enum BERT: ModelFamily {
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
}

extension BertConfiguration {
    /// The encoder that it describes.
    public var architecture: EncoderArchitecture {
        EncoderArchitecture(
            vocabulary: vocabSize, hidden: hiddenSize, positions: maxPositions, segments: typeVocabSize,
            layers: [EncoderArchitecture.Layer](
                repeating: .init(heads: heads, intermediate: intermediateSize), count: layers),
            epsilon: layerNormEpsilon, initializerRange: initializerRange, hiddenDropout: hiddenDropout,
            attentionDropout: attentionDropout)
    }

    /// A classifier of sequences with its labels.
    public func classifier(objective: any Objective = CrossEntropy()) -> ModelSpecification {
        ModelSpecification(
            encoder: architecture,
            head: SequenceClassification(labels: labels.count, dropout: classifierDropout ?? hiddenDropout),
            objective: objective)
    }
}
