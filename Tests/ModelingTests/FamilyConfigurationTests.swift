import Foundation
import TestSupport
import Testing

@testable import Modeling

/// What config.json of the families but BERT may say (see ``ModelConfigurationTests`` for BERT and what all have in
/// common).
@Suite struct FamilyConfigurationTests {
    private func parse(_ json: String) throws -> ModelConfiguration {
        try ModelConfiguration(json: Data(json.utf8), path: "m/config.json")
    }

    private func encoder(
        vocabulary: Int = 30522, hidden: Int = 768, positions: EncoderArchitecture.Positions, segments: Int = 0,
        layers: [EncoderArchitecture.Layer] = .init(repeating: .init(heads: 12, intermediate: 3072), count: 12),
        epsilon: Float = 1e-12, dropout: Float = 0.1, _ change: (inout EncoderArchitecture.Features) -> Void = { _ in }
    ) -> EncoderArchitecture {
        var encoder = EncoderArchitecture(
            vocabulary: vocabulary, hidden: hidden, positions: positions, segments: segments, layers: layers,
            epsilon: epsilon, initializerRange: 0.02, hiddenDropout: dropout, attentionDropout: dropout)
        change(&encoder.features)
        return encoder
    }

    @Test func `missing keys have the defaults of transformers`() throws {
        let distil = try parse(#"{"model_type":"distilbert"}"#)
        #expect(
            distil.encoder
                == encoder(
                    positions: .absolute(rows: 512, offset: 0),
                    layers: .init(repeating: .init(heads: 12, intermediate: 3072), count: 6)
                ) { $0.dropsAttentionOutput = false })
        #expect(distil.classifier().head.dropout == 0.2)

        let offset = EncoderArchitecture.Positions.absolute(rows: 512, offset: 2)
        for (type, vocabulary) in [("roberta", 50265), ("xlm-roberta", 30522), ("camembert", 30522)] {
            let roberta = try parse("{\"model_type\":\"\(type)\",\"classifier_dropout\":null}")
            #expect(roberta.encoder == encoder(vocabulary: vocabulary, positions: offset, segments: 2))
            #expect(roberta.classifier().head.dropout == 0.1)
        }

        let electra = try parse(#"{"model_type":"electra"}"#)
        #expect(
            electra.encoder
                == encoder(
                    hidden: 256, positions: .absolute(rows: 512, offset: 0), segments: 2,
                    layers: .init(repeating: .init(heads: 4, intermediate: 1024), count: 12)
                ) { $0.embeddingWidth = 128 })

        let mpnet = try parse(#"{"model_type":"mpnet"}"#)
        #expect(
            mpnet.encoder
                == encoder(vocabulary: 30527, positions: offset) {
                    $0.relativeBias = .init(buckets: 32, maxDistance: 128)
                })

        let modern = try parse(#"{"model_type":"modernbert"}"#)
        let layers = (0..<22).map {
            EncoderArchitecture.Layer(heads: 12, intermediate: 1152, window: $0 % 3 == 0 ? nil : 64)
        }
        #expect(
            modern.encoder
                == encoder(
                    vocabulary: 50368, positions: .rotary(length: 8192, globalBase: 160_000, localBase: 10_000),
                    layers: layers, epsilon: 1e-5, dropout: 0
                ) {
                    $0.activation = .geglu
                    $0.normalization = .pre
                    $0.biases = .init(attention: false, feedForward: false, norm: false)
                })
        #expect(modern.classifier().head.dropout == 0)
        for configuration in [distil, electra, mpnet, modern] {
            try configuration.encoder.validate()
            #expect(try parse(String(decoding: configuration.json(), as: UTF8.self)).model == configuration.model)
        }
    }

    @Test(arguments: [
        (#"{"model_type":"distilbert","hidden_size":24,"num_hidden_layers":2,"num_attention_heads":3}"#, 24, 2, 3),
        (#"{"model_type":"distilbert","dim":24,"n_layers":2,"n_heads":3}"#, 24, 2, 3),
    ])
    func `DistilBERT takes the usual names for its own`(json: String, hidden: Int, layers: Int, heads: Int) throws {
        let encoder = try parse(json).encoder
        #expect(encoder.hidden == hidden && encoder.layers.count == layers && encoder.layers[0].heads == heads)
    }

    /// The first position is one more than the padding token; MPNet has a constant.
    @Test(arguments: [("roberta", 3, 4), ("camembert", 0, 1), ("mpnet", 1, 2), ("mpnet", 0, 2)])
    func `positions begin behind those of padding`(type: String, padding: Int, offset: Int) throws {
        let configuration = try parse("{\"model_type\":\"\(type)\",\"pad_token_id\":\(padding)}")
        #expect(configuration.encoder.positions == .absolute(rows: 512, offset: offset))
        let again = try parse(String(decoding: configuration.json(), as: UTF8.self))
        #expect(again.model == configuration.model && again.json() == configuration.json())
    }

    @Test func `old and new forms of ModernBERT say the same`() throws {
        let old = try parse(
            #"""
            {"model_type":"modernbert","num_hidden_layers":5,"global_attn_every_n_layers":2,"local_attention":10,
             "global_rope_theta":1000,"local_rope_theta":50.0,"position_embedding_type":"absolute"}
            """#)
        let new = try parse(
            #"""
            {"model_type":"modernbert","num_hidden_layers":5,"local_attention":11,
             "layer_types":["full_attention","sliding_attention","full_attention","sliding_attention",
                            "full_attention"],
             "rope_parameters":{"full_attention":{"rope_theta":1000.0,"rope_type":"default"},
                                "sliding_attention":{"rope_theta":50}}}
            """#)
        #expect(old.model == new.model)
        #expect(old.encoder.positions == .rotary(length: 8192, globalBase: 1000, localBase: 50))
        #expect(old.encoder.layers.map(\.window) == [nil, 5, nil, 5, nil])
        // What is written serves both.
        let text = String(decoding: new.json(), as: UTF8.self)
        #expect(text.contains("\"global_attn_every_n_layers\": 2") && text.contains("\"local_rope_theta\": 50.0"))
    }

    @Test(arguments: [
        (#""distilbert","sinusoidal_pos_embds":true"#, "sinusoidal_pos_embds is true"),
        (#""distilbert","activation":"silu""#, "activation is \"silu\", only \"gelu\""),
        (#""distilbert","dim":10,"n_heads":3"#, "dim 10 is not a multiple of n_heads 3"),
        (#""distilbert","seq_classif_dropout":1"#, "seq_classif_dropout is 1"),
        (#""distilbert","dropout":"0.1""#, "dropout is \"0.1\", must be a number"),
        (#""distilbert","pad_token_id":30522"#, "pad_token_id is 30522"),

        (#""roberta","position_embedding_type":"relative_key""#, "only \"absolute\" is supported"),
        (#""roberta","hidden_act":"swish""#, "hidden_act is \"swish\", only \"gelu\""),
        (#""roberta","max_position_embeddings":2"#, "max_position_embeddings is 2"),
        (#""roberta","pad_token_id":511"#, "max_position_embeddings is 512"),
        (#""roberta","is_decoder":true"#, "is_decoder is true"),
        (#""xlm-roberta","position_embedding_type":"relative_key_query""#, "only \"absolute\" is supported"),
        (#""xlm-roberta","type_vocab_size":0"#, "type_vocab_size is 0"),
        (#""camembert","num_attention_heads":7"#, "hidden_size 768 is not a multiple of num_attention_heads 7"),

        (#""electra","position_embedding_type":"relative_key""#, "only \"absolute\" is supported"),
        (#""electra","embedding_size":0"#, "embedding_size is 0"),
        (#""electra","hidden_act":"tanh""#, "hidden_act is \"tanh\""),

        (#""mpnet","relative_attention_num_buckets":33"#, "relative_attention_num_buckets is 33, only 32"),
        (#""mpnet","relative_attention_num_buckets":16"#, "relative_attention_num_buckets is 16, only 32"),
        (#""mpnet","position_embedding_type":"relative_key""#, "only \"absolute\" is supported"),
        (#""mpnet","max_position_embeddings":2"#, "max_position_embeddings is 2"),

        (#""modernbert","hidden_activation":"silu""#, "hidden_activation is \"silu\", only \"gelu\""),
        (#""modernbert","hidden_activation":"relu""#, "hidden_activation is \"relu\", only \"gelu\""),
        (#""modernbert","hidden_activation":"gelu_pytorch_tanh""#, "hidden_activation is \"gelu_pytorch_tanh\""),
        (#""modernbert","classifier_pooling":"max""#, "classifier_pooling is \"max\", must be \"cls\" or \"mean\""),
        (#""modernbert","classifier_activation":"silu""#, "classifier_activation is \"silu\""),
        (#""modernbert","sparse_prediction":true"#, "sparse_prediction is true"),
        (#""modernbert","num_attention_heads":256"#, "num_attention_heads 256"),
        (#""modernbert","head_dim":32"#, "head_dim is 32"),
        (#""modernbert","global_attn_every_n_layers":0"#, "global_attn_every_n_layers is 0"),
        (#""modernbert","local_attention":-1"#, "local_attention is -1"),
        (#""modernbert","layer_types":["full_attention"]"#, "layer_types has 1 entries for 22 layers"),
        (
            #""modernbert","num_hidden_layers":1,"layer_types":["chunked_attention"]"#,
            "layer_types has \"chunked_attention\""
        ),
        (#""modernbert","layer_types":7"#, "layer_types is 7"),
        (#""modernbert","local_rope_theta":null"#, "local_rope_theta is null"),
        (#""modernbert","global_rope_theta":0"#, "global_rope_theta is 0"),
        (#""modernbert","rope_scaling":{"rope_type":"linear","factor":2.0}"#, "rope_scaling"),
        (#""modernbert","rope_parameters":{"rope_theta":10000.0}"#, "rope_parameters has \"rope_theta\""),
        (#""modernbert","rope_parameters":[]"#, "rope_parameters is"),
        (
            #""modernbert","rope_parameters":{"full_attention":{"rope_type":"yarn","rope_theta":1e4}}"#,
            "rope_type is \"yarn\", only \"default\""
        ),
        (
            #""modernbert","rope_parameters":{"full_attention":{"rope_type":"default","factor":4.0}}"#,
            "\"factor\""
        ),
        (#""modernbert","norm_bias":1"#, "norm_bias is 1, must be true or false"),
        (#""modernbert","embedding_dropout":0.1"#, "mlp_dropout is not the same as embedding_dropout"),
    ])
    func `what a family cannot be is refused by name`(entries: String, reason: String) {
        let message = failure { _ = try parse("{\"model_type\":" + entries + "}") }
        #expect(message.hasPrefix("m/config.json: ") && message.contains(reason), "\(message)")
    }

    @Test(arguments: [
        #""distilbert","tie_word_embeddings":false"#, #""roberta","tie_word_embeddings":false"#,
        #""modernbert","decoder_bias":false"#, #""modernbert","classifier_activation":"tanh""#,
    ])
    func `a masked language model that cannot be built is refused by name`(entries: String) throws {
        let configuration = try parse("{\"model_type\":" + entries + "}")
        let message = failure { try configuration.requireMaskedLanguageModel(path: "m/config.json") }
        #expect(message.hasPrefix("m/config.json: ") && message.contains("supported"), "\(message)")
        // As a classifier it is all right.
        try configuration.classifier().validate()
    }

    @Test(arguments: ["gpt2", "deberta-v2", "roberta-prelayernorm", "xlm-roberta-xl", "modernbert-decoder", ""])
    func `a type that is not known is refused with those that are`(type: String) {
        let message = failure { _ = try parse("{\"model_type\":\"\(type)\"}") }
        let all = Families.all.flatMap { $0.modelTypes.map { "\"\($0.key)\"" } }
        #expect(all.count == 8)
        #expect(
            message == "m/config.json: model_type is \"\(type)\", only \(all.joined(separator: ", ")) are supported")
    }

    /// A head of another shape than the family's reads no tensors of it, and layers can be told apart.
    @Test(arguments: Families.all.map { $0.modelTypes[0].key })
    func `every tensor has a name of its own, and says what part it is of`(type: String) throws {
        let configuration = try parse("{\"model_type\":\"\(type)\",\"num_hidden_layers\":2}")
        let family = configuration.family
        for head in [configuration.classifierHead(.singleLabel), configuration.maskedLanguageHead] as [any Head] {
            let layout = ParameterLayout(ModelSpecification(encoder: configuration.encoder, head: head))
            let stored = family.stored(layout.parameters)
            let names = stored.map { family.tensorName($0.id) }
            #expect(Set(names).count == names.count)
            for (parameter, name) in zip(stored, names) {
                #expect(!name.hasPrefix("embedding.") && !name.hasPrefix("layer.") && !name.hasPrefix("head.pooler"))
                for alias in family.aliases(of: name) { #expect(!names.contains(alias)) }
                if case .layer(_, let part, _) = parameter.id, part != .finalNorm {
                    #expect(family.part(ofTensor: name) == .layers, "\(name)")
                }
                if parameter.id == ParameterID.head("classifier", .weight) {
                    #expect(family.part(ofTensor: name) == .head, "\(name)")
                }
            }
        }
    }
}
