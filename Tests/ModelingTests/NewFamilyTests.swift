import Checkpoint
import Foundation
import Numerics
import Support
import TestSupport
import Testing

@testable import Modeling

/// A family that the program does not know takes one file: ``ToyFamily``.
@Suite struct NewFamilyTests {
    private static let registry = ModelRegistry(families: Families.all + [ToyFamily.self])

    private static let batch: PackedBatch = {
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7)
        batch.append(tokenIDs: [1, 19, 2], typeIDs: [0, 0, 0], sampleKey: 3)
        return batch
    }()

    private static func parse(_ json: String) throws(FileError) -> ModelConfiguration {
        try ModelConfiguration(json: Data(json.utf8), path: "m/config.json", registry: registry)
    }

    private static func configuration() throws -> ModelConfiguration {
        try parse(
            #"{"model_type":"toy-xl","vocab_size":20,"dim":8,"n_layers":2,"max_position_embeddings":10,"mine":[1]}"#)
    }

    /// Random weights of a model, and what it computes with them.
    private static func drawn(_ specification: ModelSpecification) -> (layout: ParameterLayout, weights: FloatBuffer) {
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 5, stream: parameter.id.initializationStream)
        }
        return (layout, weights)
    }

    private static func outputs(
        _ specification: ModelSpecification, _ weights: FloatBuffer, _ batch: PackedBatch = batch
    ) throws -> [Float] {
        try batch.validate(specification)
        let layout = ParameterLayout(specification)
        return Model(
            specification, layout: layout, weights: ModelWeights(master: weights, layout: layout, precision: .float32)
        ).outputs(batch)
    }

    @Test func `a folder of a new family is written and read back, and computes the same`() throws {
        let scratch = try Scratch()
        var configuration = try Self.configuration()
        configuration.labels = ["x", "y", "z"]
        let specification = configuration.classifier()
        #expect(specification.encoder.maxLength == 8 && specification.head.dropout == 0.2)
        let (layout, weights) = Self.drawn(specification)
        try withExtendedLifetime(weights) {
            try ModelFolder.write(
                to: scratch.file("m"), configuration: configuration,
                tensors: WeightLoader.tensors(of: weights, layout: layout, family: configuration.family),
                tokenizerFrom: nil)
        }
        let folder = try ModelFolder(path: scratch.file("m"), registry: Self.registry)
        #expect(folder.family == ToyFamily.self && folder.configuration.model == configuration.model)
        #expect(folder.configuration.json() == configuration.json())
        let names = try folder.openWeights().names
        #expect(names.contains("toy.blocks.1.query.bias") && names.contains("top.classifier.weight"))
        #expect(!names.contains { $0.contains("segments") || $0.contains("bert") })
        let text = try String(contentsOfFile: scratch.file("m/config.json"), encoding: .utf8)
        #expect(text.contains("\"ToyXLForSequenceClassification\"") && text.contains("\"model_type\": \"toy-xl\""))
        #expect(text.contains("\"mine\"") && !text.contains("hidden_size") && !text.contains("type_vocab_size"))

        let read = folder.configuration.classifier()
        let loaded = try WeightLoader.load(folder, read, layout: ParameterLayout(read), missingHead: .fail)
        #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
        #expect(try Self.outputs(read, loaded.weights) == Self.outputs(specification, weights))
        // What a worker is sent needs no family.
        #expect(try ModelSpecification(json: read.json()).encoder == specification.encoder)
    }

    @Test func `tensors of a folder that the model has no place for are distinguished by the family`() throws {
        let scratch = try Scratch()
        let configuration = try Self.configuration()
        let (layout, weights) = Self.drawn(configuration.classifier())
        var tensors = WeightLoader.tensors(of: weights, layout: layout, family: ToyFamily.self)
        for name in ["toy.blocks.2.query.bias", "top.second.weight", "else"] {
            tensors.append(TensorToWrite(name: name, shape: tensors[1].shape, data: tensors[1].data))
        }
        try withExtendedLifetime(weights) {
            try ModelFolder.write(
                to: scratch.file("m"), configuration: configuration, tensors: tensors, tokenizerFrom: nil)
        }
        let loaded = try WeightLoader.load(
            ModelFolder(path: scratch.file("m"), registry: Self.registry), configuration.classifier(), layout: layout,
            missingHead: .fail)
        let expected: [String: TensorPart?] = [
            "toy.blocks.2.query.bias": .layers, "top.second.weight": .head, "else": nil,
        ]
        #expect(Dictionary(uniqueKeysWithValues: loaded.unused.map { ($0.name, $0.part) }) == expected)
    }

    @Test(arguments: [
        (#"{"model_type":"gpt2"}"#, "\"modernbert\", \"toy\", \"toy-xl\" are supported"),
        (#"{"model_type":"toy","dim":8}"#, "vocab_size is missing"),
        (#"{"model_type":"toy","vocab_size":20,"dim":8,"sinusoidal_pos_embds":true}"#, "sinusoidal_pos_embds is true"),
        (#"{"model_type":"toy","vocab_size":20,"dim":8,"activation":"relu"}"#, "activation is \"relu\", only \"gelu\""),
        (#"{"model_type":"toy","vocab_size":20,"dim":8,"max_position_embeddings":2}"#, "max_position_embeddings is 2"),
        // What is not of a family holds for every one.
        (#"{"model_type":"toy","vocab_size":20,"dim":8,"is_decoder":true}"#, "is_decoder is true, only false"),
        (#"{"model_type":"toy","vocab_size":20,"dim":8,"auto_map":{"AutoModel":"m.M"}}"#, "has auto_map"),
        (
            #"{"model_type":"toy","vocab_size":20,"dim":8,"problem_type":"ranking"}"#,
            "problem_type is \"ranking\""
        ),
    ])
    func `what a new family cannot be is refused by name`(json: String, reason: String) {
        let message = failure { _ = try Self.parse(json) }
        #expect(message.hasPrefix("m/config.json: ") && message.contains(reason), "\(message)")
    }

    @Test func `the program itself does not know it`() {
        let message = failure {
            _ = try ModelConfiguration(json: Data(#"{"model_type":"toy"}"#.utf8), path: "config.json")
        }
        #expect(message.hasPrefix("config.json: model_type is \"toy\", only \"bert\", \"distilbert\", \"roberta\", "))
        #expect(message.hasSuffix("\"modernbert\" are supported"))
    }

    @Test func `positions with an offset take later rows, and segments that are not there add nothing`() throws {
        var plain = ModelConfiguration.tiny(vocabulary: 20, hidden: 8, heads: 2, positions: 8).classifier()
        let (_, weights) = Self.drawn(plain)
        let layout = ParameterLayout(plain)
        var toy = plain
        toy.encoder.positions = .absolute(rows: 10, offset: 2)
        toy.encoder.segments = 0
        let (other, moved) = Self.drawn(toy)
        for parameter in other.parameters {
            let source = try #require(layout.parameters.first { $0.id == parameter.id })
            let isTable = parameter.id == .embedding(.positions)
            // The first two rows stay as drawn: no token takes them.
            for i in 0..<source.count {
                moved.pointer[parameter.offset + (isTable ? 16 : 0) + i] = weights.pointer[source.offset + i]
            }
        }
        let segments = try #require(layout.parameters.first { $0.id == .embedding(.segments) })
        for i in segments.range { weights.pointer[i] = 0 }
        #expect(try Self.outputs(toy, moved) == Self.outputs(plain, weights))
        // One position more than there are rows left.
        var long = PackedBatch()
        long.append(tokenIDs: .init(repeating: 1, count: 9), typeIDs: .init(repeating: 0, count: 9), sampleKey: 0)
        #expect(throws: ModelError.self) { try long.validate(toy) }
        plain.encoder.positions = .absolute(rows: 8, offset: 8)
        #expect(throws: ModelError.self) { try plain.validate() }
    }
}
