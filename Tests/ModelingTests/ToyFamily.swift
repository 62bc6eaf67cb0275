import Support

@testable import Modeling

/// A family that the program does not have: its own entries and names, positions from row 2 on, no segments. All that a
/// new family needs is this file and its line in a list.
enum ToyFamily: ModelFamily {
    static let modelTypes: KeyValuePairs = ["toy": "Toy", "toy-xl": "ToyXL"]

    static func read(_ config: ConfigurationReader) throws(FileError) -> FamilyConfiguration {
        typealias Limits = EncoderArchitecture.Limits
        try config.require("sinusoidal_pos_embds", .bool(false))
        _ = try config.activation("activation", [.gelu])
        let layer = EncoderArchitecture.Layer(
            heads: try config.integer("n_heads", default: 2, in: Limits.heads),
            intermediate: try config.integer("hidden_dim", default: 8, in: Limits.intermediate))
        let encoder = EncoderArchitecture(
            vocabulary: try config.integer("vocab_size", default: nil, in: Limits.vocabulary),
            hidden: try config.integer("dim", default: nil, in: Limits.hidden),
            positions: .absolute(
                rows: try config.integer("max_position_embeddings", default: 18, in: 3...Limits.positions.upperBound),
                offset: 2),
            segments: 0,
            layers: .init(repeating: layer, count: try config.integer("n_layers", default: 1, in: Limits.layers)),
            epsilon: 1e-5, initializerRange: try config.deviation("initializer_range", default: 0.02),
            hiddenDropout: try config.probability("dropout", default: 0.1),
            attentionDropout: try config.probability("attention_dropout", default: 0.1))
        return FamilyConfiguration(
            encoder: encoder, classifierDropout: try config.probability("seq_classif_dropout", default: 0.2))
    }

    static func write(_ configuration: FamilyConfiguration, into entries: inout [String: JSONValue]) {
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
        entries["seq_classif_dropout"] = configuration.classifierDropout.map { .float($0) }
    }

    static func classifier(
        _ configuration: FamilyConfiguration, labels: Int, problem: ProblemType
    ) -> any Head {
        SequenceClassification(labels: labels, dropout: configuration.classifierDropout ?? 0.2, problem: problem)
    }

    static func tensorName(_ id: ParameterID) -> String {
        switch id {
        case .embedding(let table): "toy.tables.\(table.rawValue)"
        case .embeddingNorm(let part): "toy.tables.norm.\(part.rawValue)"
        case .embeddingProjection(let part): "toy.tables.projection.\(part.rawValue)"
        case .layer(let index, let layerPart, let part): "toy.blocks.\(index).\(layerPart.rawValue).\(part.rawValue)"
        case .head(let name, let part): "top.\(name).\(part.rawValue)"
        }
    }

    static func part(ofTensor name: String) -> TensorPart? {
        name.hasPrefix("toy.blocks.") ? .layers : name.hasPrefix("top.") ? .head : nil
    }
}
