import Checkpoint
import Foundation
import Numerics
import Support
import TestSupport
import Testing

@testable import Modeling

/// Folders of adapters, as `peft` has them.
@Suite struct AdapterFolderTests {
    private static func base() throws -> ModelFolder { try ModelFolder(path: Fixture.path("lora")) }

    /// A copy of the fixture's adapter, with changes.
    private static func folder(
        _ scratch: Scratch, config change: (inout [String: JSONValue]) -> Void = { _ in },
        tensors rename: (String) -> String? = { $0 }
    ) throws -> String {
        let source = try Fixture.path("lora/adapter")
        let path = scratch.file("adapter-\(UUID().uuidString.prefix(6))")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let data = try Data(contentsOf: URL(fileURLWithPath: source + "/adapter_config.json"))
        var config = try #require(data.withUnsafeBytes { try? JSONValue(parsing: $0) }?.object?.dictionary)
        change(&config)
        try Data(JSONValue.object(JSONObject(config)).text.utf8).write(
            to: URL(fileURLWithPath: path + "/adapter_config.json"))
        let file = try SafetensorsFile(path: source + "/adapter_model.safetensors")
        var buffers: [(String, [Int], FloatBuffer)] = []
        for (name, tensor) in file.tensors {
            guard let new = rename(name) else { continue }
            let values = FloatBuffer(count: tensor.count)
            try file.readFloats(name, into: UnsafeMutableBufferPointer(start: values.pointer, count: values.count))
            buffers.append((new, tensor.shape, values))
        }
        try withExtendedLifetime(buffers) {
            try SafetensorsWriter.write(
                buffers.map {
                    TensorToWrite(
                        name: $0.0, shape: $0.1,
                        data: UnsafeRawBufferPointer(start: $0.2.pointer, count: 4 * $0.2.count))
                }, to: path + "/adapter_model.safetensors")
        }
        return path
    }

    private static func message(_ body: () throws -> some Any) -> String {
        do {
            _ = try body()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test(
        arguments: [
            ("peft_type", .string("IA3"), "peft_type is \"IA3\", only \"LORA\" is supported"),
            ("bias", .string("all"), "bias is \"all\", only \"none\" is supported"),
            ("use_dora", .bool(true), "use_dora is true, which is not supported"),
            ("rank_pattern", .object(["query": .integer(2)]), "rank_pattern is an object, which is not supported"),
            ("alpha_pattern", .object(["query": .integer(2)]), "alpha_pattern is an object, which is not supported"),
            ("fan_in_fan_out", .bool(true), "fan_in_fan_out is true, which is not supported"),
            ("lora_bias", .bool(true), "lora_bias is true, which is not supported"),
            ("init_lora_weights", .string("pissa"), "init_lora_weights is \"pissa\", which changes the base model"),
            ("trainable_token_indices", .array([.integer(1)]), "trainable_token_indices is an array, which is not"),
            ("something_new", .integer(1), "something_new is 1, which is not supported"),
            ("r", .integer(0), "r is 0, must be 1 to 1024"), ("lora_alpha", .string("x"), "lora_alpha is \"x\""),
            ("lora_alpha", .integer(-1), "lora_alpha is -1.0, must be above 0"),
            ("lora_dropout", .number(1.5), "lora_dropout is 1.5"), ("use_rslora", .integer(1), "use_rslora is 1"),
            ("r", .integer(5), "has shape [4, 24], but beside this model it must have [5, 24]"),
            ("target_modules", .array([.string("dense"), .string("lm_head")]), "target_modules names \"lm_head\""),
            ("task_type", .string("CAUSAL_LM"), "task_type is \"CAUSAL_LM\", only \"SEQ_CLS\", \"TOKEN_CLS\", "),
            ("task_type", .string("TOKEN_CLS"), "no place for the tensor base_model.model.bert.pooler.dense.bias"),
        ] as [(String, JSONValue, String)])
    func `what cannot be done is refused by name`(_ key: String, _ value: JSONValue, _ wanted: String) throws {
        let scratch = try Scratch()
        let path = try Self.folder(scratch, config: { $0[key] = value })
        let message = Self.message { try AdapterFolder(path: path, for: try Self.base().configuration) }
        #expect(message.contains(wanted), "\(message)")
    }

    @Test func `rsLoRA has another scale`() throws {
        let scratch = try Scratch()
        let path = try Self.folder(scratch, config: { $0["use_rslora"] = .bool(true) })
        #expect(try AdapterFolder(path: path, for: try Self.base().configuration).adapter.scale == 3)
    }

    @Test func `tensors that do not belong to the model are refused by name`() throws {
        let scratch = try Scratch()
        let base = try Self.base().configuration
        func message(_ rename: @escaping (String) -> String?, _ model: ModelConfiguration) throws -> String {
            let path = try Self.folder(scratch, config: { $0["target_modules"] = .null }, tensors: rename)
            return Self.message { try AdapterFolder(path: path, for: model) }
        }
        #expect(
            try message({ $0.replacing("layer.1.", with: "layer.7.") }, base).contains(
                "there is no place for the tensor base_model.model.bert.encoder.layer.7."))
        #expect(
            try message({ $0.hasSuffix("layer.0.attention.self.query.lora_B.weight") ? nil : $0 }, base).contains(
                "but not base_model.model.bert.encoder.layer.0.attention.self.query.lora_B.weight"))
        #expect(try message({ $0.contains("lora_") ? nil : $0 }, base).contains("holds no adapter"))
        var wider = base
        wider.encoder.hidden = 48
        #expect(try message({ $0 }, wider).contains("the adapter is for another model"))
        // Names without the family's prefix, of an adapter of the bare encoder.
        #expect(try message({ $0.replacing("model.bert.", with: "model.") }, base) == "accepted")
    }

    @Test func `an adapter of another base is refused by name`() throws {
        let scratch = try Scratch()
        let path = try Self.folder(scratch, config: { $0["base_model_name_or_path"] = .string("org/other-model") })
        let adapter = try AdapterFolder(path: path, for: try Self.base().configuration)
        #expect(
            Self.message { try adapter.merged(into: try Self.base()) }.contains(
                "base_model_name_or_path is org/other-model, the model is"))
    }

    @Test func `what is written is read again, by the encoder's hash alone`() throws {
        let scratch = try Scratch()
        let folder = try Self.base()
        let original = try AdapterFolder(path: Fixture.path("lora/adapter"), for: folder.configuration)
        var configuration = folder.configuration
        configuration.labels = ["x", "y", "z"]
        var model = configuration.classifier()
        model.adapter = original.adapter
        model.trainable = .only([.head])
        let layout = ParameterLayout(model)
        let weights = try WeightLoader.load(
            folder, model, layout: layout, missingHead: .initialize(seed: 1)
        ).weights
        #expect(
            try original.read(into: weights, layout, labels: configuration.labels, purpose: .classification) == .read)
        let path = scratch.file("written")
        try AdapterFolder.write(
            to: path, model, layout, weights: weights, configuration: configuration, base: "/somewhere/base")
        let again = try AdapterFolder(path: path, for: folder.configuration)
        #expect(again.adapter == original.adapter && again.labels == ["x", "y", "z"])
        // Whatever the folder is called.
        let merged = try again.merged(into: folder)
        #expect(merged.configuration.labels == ["x", "y", "z"])
        let wanted = LowRankMerge.merged(weights, layout)
        for parameter in merged.layout.parameters {
            let place = try #require(layout.parameters.first { $0.id == parameter.id })
            #expect(
                parameter.range.map { merged.weights.pointer[$0] } == place.range.map { wanted.pointer[$0] },
                "\(parameter.id)")
        }
        let json = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: path + "/adapter_config.json")), as: UTF8.self)
        for part in ["\"task_type\": \"SEQ_CLS\"", "\"r\": 4", "\"lora_alpha\": 6", "\"pooler\"", "\"classifier\""] {
            #expect(json.replacing(": ", with: ":").contains(part.replacing(": ", with: ":")), "\(part)")
        }
        // The weights of another encoder.
        let words = try #require(merged.layout.parameters.first { $0.id == .embedding(.words) })
        merged.weights.pointer[words.offset] += 1
        #expect(
            Self.message { try again.checkBase(folder, merged.weights, merged.layout) }.contains(
                "the adapter was trained on another model (/somewhere/base)"))
    }

    @Test func `names of target modules match these and nothing else`() throws {
        let layout = ParameterLayout(ModelConfiguration.tiny().classifier())
        let names = AdapterNames(family: BERT.self)
        #expect(names.targetModules([.query, .value], layout) == ["query", "value"])
        #expect(names.targetModules([.attentionOutput], layout) == ["attention.output.dense"])
        #expect(names.targetModules([.intermediate], layout) == ["intermediate.dense"])
        #expect(names.targetModules([.output], layout) == ["0.output.dense", "1.output.dense"])
        #expect(names.targetModules([.attentionOutput, .output], layout) == ["output.dense"])
        #expect(names.savedModules(layout) == ["classifier", "pooler"])
        #expect(names.targets("attention-output") == [.attentionOutput] && names.targets("key") == [.key])
        #expect(names.targets("output.dense") == [.attentionOutput, .output] && names.targets("tail").isEmpty)
        #expect(names.targets("all-linear").count == 6 && names.usualTargets == [.query, .value])
        let packed = AdapterNames(family: ModernBERT.self)
        #expect(packed.usualTargets == [.queryKeyValue] && packed.targets("Wqkv") == [.queryKeyValue])
        #expect(packed.targets("query").isEmpty && packed.targets("Wo") == [.attentionOutput, .output])
        #expect(
            packed.targets("all-linear") == [.queryKeyValue, .attentionOutput, .intermediate, .output])
    }
}
