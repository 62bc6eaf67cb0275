import Support

/// The entries of config.json that BERT and the families that come from it have in common.
struct BERTEntries {
    /// The defaults of `transformers` in which families differ.
    struct Defaults {
        var vocabulary: Int
        var hidden = 768
        var heads = 12
        var intermediate = 3072
        var padding = 0
    }

    /// Where the first token of a text stands in the table of positions.
    enum FirstPosition {
        case row(Int)
        /// One row behind that of the padding token's number.
        case behindPadding
    }

    let defaults: Defaults
    var firstPosition = FirstPosition.row(0)
    /// Whether there is a table of segments.
    var hasSegments = true

    /// Reads them.
    func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        typealias Limits = EncoderArchitecture.Limits
        try config.require("position_embedding_type", .string("absolute"))
        let vocabulary = try config.integer("vocab_size", default: defaults.vocabulary, in: Limits.vocabulary)
        let padding = try config.integer("pad_token_id", default: defaults.padding, in: 0...(vocabulary - 1))
        let hidden = try config.integer("hidden_size", default: defaults.hidden, in: Limits.hidden)
        let layers = try config.integer("num_hidden_layers", default: 12, in: Limits.layers)
        let heads = try config.integer("num_attention_heads", default: defaults.heads, in: Limits.heads)
        guard hidden % heads == 0 else {
            throw config.failure("hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
        let intermediate = try config.integer(
            "intermediate_size", default: defaults.intermediate, in: Limits.intermediate)
        let offset =
            switch firstPosition {
            case .row(let row): row
            case .behindPadding: padding + 1
            }
        let positions = try config.integer("max_position_embeddings", default: 512, in: Limits.positions)
        guard positions > offset else {
            throw config.failure(
                "max_position_embeddings is \(positions), of which the first \(offset) are for padding")
        }
        var encoder = EncoderArchitecture(
            vocabulary: vocabulary, hidden: hidden, positions: .absolute(rows: positions, offset: offset),
            segments: hasSegments
                ? try config.integer("type_vocab_size", default: 2, in: 1...Limits.segments.upperBound) : 0,
            layers: [EncoderArchitecture.Layer](
                repeating: .init(heads: heads, intermediate: intermediate), count: layers),
            epsilon: try config.epsilon("layer_norm_eps", default: 1e-12),
            initializerRange: try config.deviation("initializer_range", default: 0.02),
            hiddenDropout: try config.probability("hidden_dropout_prob", default: 0.1),
            attentionDropout: try config.probability("attention_probs_dropout_prob", default: 0.1))
        encoder.features.activation = try config.activation("hidden_act")
        return FamilyConfiguration(encoder: encoder)
    }

    /// The dropout before the classifier, where the file has an entry of its own for it.
    static func classifierDropout(_ config: ConfigurationReader) throws(FileError) -> Float? {
        guard config.has("classifier_dropout") else { return nil }
        return try config.probability("classifier_dropout", default: 0)
    }

    /// Writes what ``read(_:)`` reads.
    func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
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
        if hasSegments { entries["type_vocab_size"] = .integer(encoder.segments) }
        entries["layer_norm_eps"] = .float(encoder.epsilon)
        entries["initializer_range"] = .float(encoder.initializerRange)
        entries["position_embedding_type"] = .string("absolute")
        Self.fill("hidden_act", encoder.features.activation, in: &entries)
        let padding =
            switch firstPosition {
            case .row: defaults.padding
            case .behindPadding: encoder.positionOffset - 1
            }
        if entries["pad_token_id"]?.isNull ?? true { entries["pad_token_id"] = .integer(padding) }
    }

    /// Writes an activation, unless the file already says so.
    static func fill(
        _ key: String, _ activation: EncoderArchitecture.Activation, in entries: inout [String: JSONValue]
    ) {
        let names = ConfigurationReader.activationNames(activation)
        if let found = entries[key]?.string, names.contains(found) { return }
        entries[key] = .string(names[0])
    }
}
