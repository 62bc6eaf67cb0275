import Foundation
import Support
import TestSupport
import Testing

@testable import Modeling

@Suite struct ModelConfigurationTests {
    func parse(_ json: String) throws(FileError) -> ModelConfiguration {
        try ModelConfiguration(json: Data(json.utf8), path: "m/config.json")
    }

    @Test func `missing keys have the defaults of transformers`() throws {
        let c = try parse(#"{"model_type": "bert", "pad_token_id": null, "classifier_dropout": null}"#)
        #expect(
            c.encoder
                == EncoderArchitecture(
                    vocabulary: 30522, hidden: 768, positions: .absolute(rows: 512, offset: 0), segments: 2,
                    layers: .init(repeating: .init(heads: 12, intermediate: 3072), count: 12), epsilon: 1e-12,
                    initializerRange: 0.02, hiddenDropout: 0.1, attentionDropout: 0.1))
        #expect(c.model.classifierDropout == nil && c.classifier().head.dropout == 0.1)
        #expect(c.labels == ["LABEL_0", "LABEL_1"])
    }

    @Test func `every key is read`() throws {
        let c = try parse(
            #"""
            {"model_type":"bert","vocab_size":100,"hidden_size":24,"num_hidden_layers":3,"num_attention_heads":4,
             "intermediate_size":48,"hidden_act":"gelu","hidden_dropout_prob":0,"attention_probs_dropout_prob":0.25,
             "max_position_embeddings":64,"type_vocab_size":3,"layer_norm_eps":1e-5,"initializer_range":0.5,
             "pad_token_id":9,"classifier_dropout":0.125,"position_embedding_type":"absolute","is_decoder":false,
             "id2label":{"1":"b","0":"a","10":"k","2":"c","3":"d","4":"e","5":"f","6":"g","7":"h","8":"i","9":"j"}}
            """#)
        #expect(
            c.encoder
                == EncoderArchitecture(
                    vocabulary: 100, hidden: 24, positions: .absolute(rows: 64, offset: 0), segments: 3,
                    layers: .init(repeating: .init(heads: 4, intermediate: 48), count: 3), epsilon: 1e-5,
                    initializerRange: 0.5, hiddenDropout: 0, attentionDropout: 0.25))
        #expect(c.classifier().head.dropout == 0.125)
        #expect(c.labels == ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"])
        #expect(try parse(#"{"model_type":"bert","num_labels":3}"#).labels == ["LABEL_0", "LABEL_1", "LABEL_2"])
    }

    @Test func `writing describes the new task and keeps what it does not know`() throws {
        var c = try parse(
            #"""
            {"model_type":"bert","architectures":["BertModel"],"torch_dtype":"float16",
             "_name_or_path":"x","finetuning_task":"y","label2id":{"z":0},"id2label":{"0":"z","1":"y"},"use_cache":true,
             "mine":{"a":[1,2.0,null,"é\n"]}, "num_labels": 2, "transformers_version": "4.8.2"}
            """#)
        c.labels = ["no", "yes \"é\"\t/"]
        c.encoder.hiddenDropout = 0.3
        let object = try #require(try JSONSerialization.jsonObject(with: c.json()) as? [String: Any])
        #expect(object["architectures"] as? [String] == ["BertForSequenceClassification"])
        #expect(object["problem_type"] as? String == "single_label_classification")
        #expect(object["model_type"] as? String == "bert")
        #expect(object["id2label"] as? [String: String] == ["0": "no", "1": "yes \"é\"\t/"])
        #expect(object["label2id"] as? [String: Int] == ["no": 0, "yes \"é\"\t/": 1])
        #expect(object["use_cache"] as? Bool == true)
        #expect(object["torch_dtype"] as? String == "float32")
        #expect(object["hidden_act"] as? String == "gelu" && object["pad_token_id"] as? Int == 0)
        #expect(object["position_embedding_type"] as? String == "absolute")
        #expect(object["classifier_dropout"] is NSNull)
        for stale in ["_name_or_path", "finetuning_task", "num_labels", "transformers_version"] {
            #expect(object[stale] == nil)
        }
        let text = String(decoding: c.json(), as: UTF8.self)
        #expect(text.contains("\"hidden_dropout_prob\": 0.3,"))
        #expect(text.contains("\"layer_norm_eps\": 1e-12,"))
        #expect(text.contains("2.0"))
        let back = try ModelConfiguration(json: c.json(), path: "x")
        #expect(back.labels == c.labels && back.encoder.hiddenDropout == 0.3)
        #expect(try ModelConfiguration(json: back.json(), path: "x") == back)
        #expect(back.json() == c.json())
    }

    @Test func `what the family has no entry for is not written`() throws {
        var c = ModelConfiguration.tiny()
        c.encoder.layers[1].heads = 4
        #expect(failure { try c.validate(path: "m/config.json") }.hasPrefix("m/config.json: a model of model_type"))
        c = .tiny(labels: [])
        #expect(failure { try c.validate() }.contains("the number of labels is 0"))
        c = .tiny(vocabulary: 0)
        #expect(failure { try c.validate() }.contains("vocab_size is 0, must be 1 to"))
    }

    @Test(arguments: [
        (#"{"model_type":"gpt2"}"#, "model_type is \"gpt2\", only \"bert\", \"distilbert\""),
        ("{}", "model_type is missing, only \"bert\""),
        (#"{"model_type":7}"#, "model_type is 7"),
        ("", "not valid JSON"), ("[]", "must be a JSON object"), ("{\"model_type\":\"bert\"", "not valid JSON"),
        (#"{"model_type":"bert","vocab_size":NaN}"#, "not valid JSON"),
        (#"{"model_type":"bert","vocab_size":1,"vocab_size":2}"#, "the key \"vocab_size\" comes twice"),
        (String(repeating: "[", count: 100_000), "nested more than"),
        (#"{"model_type":"bert","x":1e999}"#, "too large"),
        (#"{"model_type":"bert","vocab_size":0}"#, "vocab_size is 0"),
        (#"{"model_type":"bert","vocab_size":-5}"#, "vocab_size is -5"),
        (#"{"model_type":"bert","vocab_size":99999999999}"#, "vocab_size is 99999999999"),
        (#"{"model_type":"bert","vocab_size":99999999999999999999}"#, "vocab_size is 1e+20, must be a whole number"),
        (#"{"model_type":"bert","vocab_size":"30522"}"#, "must be a whole number"),
        (#"{"model_type":"bert","hidden_size":384.5}"#, "must be a whole number"),
        (#"{"model_type":"bert","hidden_size":100,"num_attention_heads":12}"#, "hidden_size 100 is not a multiple"),
        (#"{"model_type":"bert","num_attention_heads":0}"#, "num_attention_heads is 0"),
        (#"{"model_type":"bert","num_hidden_layers":0}"#, "num_hidden_layers is 0"),
        (#"{"model_type":"bert","max_position_embeddings":9223372036854775807}"#, "max_position_embeddings is"),
        (#"{"model_type":"bert","pad_token_id":30522}"#, "pad_token_id is 30522, must be 0 to 30521"),
        (#"{"model_type":"bert","hidden_act":"silu"}"#, "hidden_act is \"silu\", only \"gelu\", \"gelu_python\""),
        (#"{"model_type":"bert","hidden_act":3}"#, "hidden_act is 3, must be a string"),
        (#"{"model_type":"bert","is_encoder_decoder":true}"#, "is_encoder_decoder is true, only false"),
        (#"{"model_type":"bert","problem_type":"ranking"}"#, "problem_type is \"ranking\", must be one of"),
        (#"{"model_type":"bert","problem_type":7}"#, "problem_type is 7, must be one of"),
        ("version https://git-lfs.github.com/spec/v1\noid x", "is a Git LFS pointer"),
        ("\n<HTML><body>", "is a web page"), ("Entry not found", "is the error message of a server"),
        (#"{"model_type":"bert","hidden_dropout_prob":1}"#, "hidden_dropout_prob is 1.0"),
        (#"{"model_type":"bert","attention_probs_dropout_prob":-0.1}"#, "attention_probs_dropout_prob is -0.1"),
        (#"{"model_type":"bert","classifier_dropout":"x"}"#, "classifier_dropout is \"x\", must be a number"),
        (#"{"model_type":"bert","layer_norm_eps":0}"#, "layer_norm_eps is 0.0"),
        (#"{"model_type":"bert","initializer_range":1e308}"#, "initializer_range is inf"),
        (#"{"model_type":"bert","position_embedding_type":"relative_key"}"#, "only \"absolute\" is supported"),
        (#"{"model_type":"bert","is_decoder":true}"#, "is_decoder is true, only false"),
        (#"{"model_type":"bert","quantization_config":{"bits":4}}"#, "has quantization_config"),
        (#"{"model_type":"bert","pruned_heads":{"0":[1]}}"#, "has pruned_heads"),
        (#"{"model_type":"bert","auto_map":{"AutoModel":"m.Model"}}"#, "has auto_map"),
    ])
    func `errors name file and key`(json: String, reason: String) {
        let message = failure { _ = try parse(json) }
        #expect(message.hasPrefix("m/config.json: "))
        #expect(message.contains(reason), "\(message)")
    }

    @Test(arguments: [
        (#"{"model_type":"bert","id2label":{"0":"a","2":"b"}}"#, "id2label has 2 labels, but none for the id 1"),
        (#"{"model_type":"bert","id2label":{"0":"a","1":"a"}}"#, "has the label \"a\" twice"),
        (#"{"model_type":"bert","id2label":{"0":null}}"#, "id2label[0] is null"),
        (#"{"model_type":"bert","id2label":["a"]}"#, "id2label is an array"),
        (#"{"model_type":"bert","num_labels":0}"#, "num_labels is 0"),
        (#"{"model_type":"bert","num_labels":100000000000}"#, "num_labels is 100000000000"),
        (#"{"model_type":"bert","id2label":{"0":true,"1":false}}"#, "id2label[0] is true, must be a string"),
        (#"{"model_type":"bert","id2label":{"0":1.5,"1":"a"}}"#, "id2label[0] is 1.5, must be a string"),
        (#"{"model_type":"bert","id2label":{"0":"a","1":"b"},"num_labels":3}"#, "num_labels is 3, but id2label has 2"),
    ])
    func `labels that cannot be used are refused by inference, but not by a training that replaces them`(
        json: String, reason: String
    ) throws {
        var c = try parse(json)
        #expect(!c.hasLabels(for: SequenceClassification(labels: 2, dropout: 0)))
        let message = failure { try c.requireLabels(path: "m/config.json") }
        #expect(message.hasPrefix("m/config.json: ") && message.contains(reason), "\(message)")
        c.labels = ["a", "b", "c"]
        try c.validate()
        let back = try ModelConfiguration(json: c.json(), path: "x")
        #expect(back.labels == ["a", "b", "c"] && back.hasLabels(for: SequenceClassification(labels: 2, dropout: 0)))
    }

    @Test func `gelu_python is GELU and is written back`() throws {
        let c = try parse(#"{"model_type":"bert","hidden_act":"gelu_python"}"#)
        #expect(String(decoding: c.json(), as: UTF8.self).contains("\"hidden_act\": \"gelu_python\""))
        #expect(try ModelConfiguration(json: c.json(), path: "x").json() == c.json())
    }

    @Test func `largest sizes do not overflow`() throws {
        let c = try parse(
            #"""
            {"model_type":"bert","vocab_size":16777216,"hidden_size":65536,"num_hidden_layers":1000,
             "intermediate_size":1048576,"max_position_embeddings":1048576,"type_vocab_size":65536,
             "num_attention_heads":4096}
            """#)
        #expect(c.encoder.parameterCount > 0)
    }

    @Test func `the encoder of MiniLM has its parameters`() throws {
        let c = ModelConfiguration.tiny(
            vocabulary: 30522, hidden: 384, layers: 6, heads: 12, intermediate: 1536, positions: 512)
        // 22,713,216 as transformers counts BertModel, less the pooler's 384 * 384 + 384.
        #expect(c.encoder.parameterCount == 22_713_216 - 147_840)
    }
}
