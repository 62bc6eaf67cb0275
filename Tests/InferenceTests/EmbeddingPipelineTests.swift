import Foundation
import Modeling
import Numerics
import TestSupport
import Testing

@testable import Inference

/// Against sentence-transformers: `Fixtures/export_embeddings.py`.
@Suite struct EmbeddingPipelineTests {
    private struct Reference: Decodable {
        var texts: [String]
        var embeddings: [String: [[Float]]]
    }

    private let scratch: Scratch
    private let fixtures: String
    private let reference: Reference

    init() throws {
        scratch = try Scratch()
        fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
        reference = try JSONDecoder().decode(
            Reference.self, from: Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/embeddings.json")))
    }

    /// The model of the fixtures, with other modules.
    private func folder(_ modules: String?, pooling: String, transformer: String = "") throws -> String {
        let path = scratch.file("m")
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(fixtures)/tiny", toPath: "\(path)/\(transformer)x")
        let model = "\(path)/\(transformer)x"
        for name in ["modules.json", "1_Pooling"] { try FileManager.default.removeItem(atPath: "\(model)/\(name)") }
        let place = transformer.isEmpty ? path : "\(path)/\(transformer)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: model) {
            try FileManager.default.moveItem(atPath: "\(model)/\(name)", toPath: "\(place)/\(name)")
        }
        guard let modules else { return path }
        try scratch.write(modules.replacing("TRANSFORMER", with: transformer), "m/modules.json")
        try FileManager.default.createDirectory(atPath: "\(path)/1_Pooling", withIntermediateDirectories: true)
        try scratch.write(pooling, "m/1_Pooling/config.json")
        return path
    }

    private static let modules = """
        [{"idx": 0, "name": "0", "path": "TRANSFORMER", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}@]
        """
    private static let normalize =
        #", {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}"#

    private func expect(_ path: String, _ key: String, prefix: String? = nil, threads: Int = 1) throws {
        let pipeline = try EmbeddingPipeline(
            try ModelFolder(path: path), threads: threads, maxLength: nil, prefix: prefix, precision: .float32)
        #expect(pipeline.maxLength == 12)
        let found = try pipeline.embeddings(reference.texts)
        let wanted = try #require(reference.embeddings[key])
        #expect(found.count == wanted.count)
        for (one, other) in zip(found, wanted) {
            #expect(one.count == other.count)
            for (a, b) in zip(one, other) { #expect(abs(a - b) < 1e-5, "\(key)") }
        }
    }

    @Test(arguments: ["cls", "mean", "max", "mean_sqrt_len_tokens"], ["", " normalized"])
    func `embeddings are those of sentence-transformers`(mode: String, normalized: String) throws {
        let modules = Self.modules.replacing("@", with: normalized.isEmpty ? "" : Self.normalize)
        let path = try folder(modules, pooling: #"{"pooling_mode": "\#(mode)"}"#, transformer: "0_Transformer")
        try expect(path, mode + normalized, threads: 2)
        try expect(path, mode + normalized + " prefixed", prefix: "the sea ")
    }

    @Test func `a folder as sentence-transformers saves it is read`() throws {
        try expect("\(fixtures)/tiny", "mean normalized")
    }

    @Test func `old names of poolings, default prompts and folders without modules are understood`() throws {
        let old =
            #"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": true}"#
        let path = try folder(Self.modules.replacing("@", with: ""), pooling: old)
        try expect(path, "max")
        try scratch.write(
            #"{"prompts": {"query": "the sea "}, "default_prompt_name": "query"}"#,
            "m/config_sentence_transformers.json")
        try expect(path, "max prefixed")
        try expect(path, "max", prefix: "")
        try expect(folder(nil, pooling: ""), "mean")
    }

    @Test(arguments: [
        (#"{"pooling_mode": "weightedmean"}"#, "", "its pooling is weightedmean; one of cls, mean, max"),
        (#"{"pooling_mode": ["cls", "mean"]}"#, "", "its pooling is cls and mean; one of"),
        (#"{"pooling_mode": "mean", "include_prompt": false}"#, "", "include_prompt is false"),
        ("[", "", "1_Pooling/config.json: not valid JSON"),
        (
            #"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": false}"#, "",
            "1_Pooling/config.json: names no pooling: none of the entries pooling_mode_… is true"
        ),
        (#"{"pooling_mode": []}"#, "", "names no pooling"),
        (
            #"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#, "",
            "its pooling is cls and mean; one of"
        ),
        (#"{"pooling_mode_cls_token": "yes"}"#, "", "pooling_mode_cls_token is \"yes\", must be true or false"),
        (
            #"{"pooling_mode": "mean", "pooling_mode_cls_token": true}"#, "",
            "pooling_mode is \"mean\", but the entries pooling_mode_… say cls"
        ),
        (#"{"pooling_mode": "mean", "scale": 2}"#, "", "has the entry \"scale\", which is not understood"),
        (
            #"{"word_embedding_dimension": 384}"#, "",
            "1_Pooling: its config.json is for rows of 384 floats, but the model has 16"
        ),
        (#"{"embedding_dimension": 16, "word_embedding_dimension": 17}"#, "", "word_embedding_dimension is 17"),
        (#"{"embedding_dimension": 0}"#, "", "embedding_dimension is 0, must be a whole number above 0"),
        (
            #"{"pooling_mode": "mean"}"#,
            #", {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}"#,
            "modules.json: has the module \"sentence_transformers.models.Dense\"; known are"
        ),
        (
            #"{"pooling_mode": "mean"}"#, #", {"idx": 2, "name": "2", "path": "../x", "type": "y"}"#,
            "a module lies in \"../x\", which is no plain name of a folder"
        ),
    ])
    func `what is not understood is refused by name`(pooling: String, more: String, expected: String) throws {
        let path = try folder(Self.modules.replacing("@", with: more), pooling: pooling)
        let message = failure { try expect(path, "mean") }
        #expect(message.contains(expected), "\(message)")
    }

    @Test func `a folder without a transformer, and capitals that the tokenizer keeps, are refused`() throws {
        try scratch.write(#"[{"path": "", "type": "sentence_transformers.models.BoW"}]"#, "modules.json")
        let none = failure { _ = try ModelFolder(path: scratch.path) }
        #expect(none.contains("has no module Transformer, but sentence_transformers.models.BoW"), "\(none)")
        let path = try folder(Self.modules.replacing("@", with: ""), pooling: "{}")
        try scratch.write(#"{"max_seq_length": 12, "do_lower_case": true}"#, "m/sentence_bert_config.json")
        try expect(path, "mean")
        try scratch.write(#"{"tokenizer_class": "BertTokenizer", "do_lower_case": false}"#, "m/tokenizer_config.json")
        let capitals = failure { try expect(path, "mean") }
        #expect(capitals.contains("do_lower_case is true, but the tokenizer keeps capitals"), "\(capitals)")
        try scratch.write(
            #"{"max_seq_length": 12, "transformer_task": "feature-extraction", "processing_kwargs": {}}"#,
            "m/sentence_bert_config.json")
        try scratch.write("{}", "m/tokenizer_config.json")
        try expect(path, "mean")
        for entry in [#""transformer_task": "text-generation""#, #""new_thing": 1"#] {
            try scratch.write("{\(entry)}", "m/sentence_bert_config.json")
            let message = failure { try expect(path, "mean") }
            #expect(message.contains("sentence_bert_config.json: has the entry "), "\(message)")
        }
        try scratch.write(#"{"max_seq_length": 0}"#, "m/sentence_bert_config.json")
        #expect(failure { try expect(path, "mean") }.contains("max_seq_length is 0, must be a whole number"))
    }
}
