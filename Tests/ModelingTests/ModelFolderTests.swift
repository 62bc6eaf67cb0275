import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import Modeling

@Suite struct ModelFolderTests {
    /// A source folder with a tokenizer and what must not be copied.
    func source(_ scratch: Scratch) throws -> String {
        try FileManager.default.createDirectory(atPath: scratch.file("source"), withIntermediateDirectories: true)
        for name in ["vocab.txt", "tokenizer_config.json", "modules.json", "sentence_bert_config.json", "README.md"] {
            try scratch.write("content of \(name)", "source/\(name)")
        }
        return scratch.file("source")
    }

    @Test func `a model is written and read back`() throws {
        let scratch = try Scratch()
        let model = try TinyModel()
        let path = scratch.file("deep/er/model")
        try ModelFolder.write(
            to: path + "/", configuration: model.configuration, tensors: model.tensors, tokenizerFrom: source(scratch))
        #expect(try scratch.names("deep/er") == ["model"])
        #expect(
            try scratch.names("deep/er/model") == [
                "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt",
            ])
        #expect(try String(contentsOfFile: path + "/vocab.txt", encoding: .utf8) == "content of vocab.txt")
        let directory = try ModelFolder(path: path)
        #expect(directory.configuration.labels == model.configuration.labels)
        let weights = try #require(try directory.openWeights() as? SafetensorsFile)
        #expect(weights.metadata == ["format": "pt"])
        #expect(weights.tensors.count == model.tensors.count)
        for tensor in model.tensors {
            #expect(weights.tensors[tensor.name]?.shape == tensor.shape)
            #expect(try weights.withBytes(of: tensor.name) { $0.elementsEqual(tensor.data) })
        }
    }

    @Test func `what is missing is named with advice`() throws {
        let scratch = try Scratch()
        let path = scratch.file("m")
        #expect(failure { _ = try ModelFolder(path: path) }.hasPrefix("\(path): no such model folder"))
        try scratch.write("", "m")
        #expect(failure { _ = try ModelFolder(path: path) }.hasPrefix("\(path): not a folder"))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(failure { _ = try ModelFolder(path: path) }.hasPrefix("\(path)/config.json: missing"))
        try scratch.write(#"{"model_type":"bert"}"#, "m/config.json")
        #expect(failure { _ = try ModelFolder(path: path) }.hasPrefix("\(path)/model.safetensors: missing"))
        try scratch.write("", "m/tf_model.h5")
        let message = failure { _ = try ModelFolder(path: path) }
        #expect(message.contains("only tf_model.h5 is there; convert it"))
        try scratch.write(#"{"model_type":"t5"}"#, "m/config.json")
        #expect(failure { _ = try ModelFolder(path: path) }.contains("m/config.json: model_type is \"t5\""))
    }

    @Test func `a configuration larger than its weights is refused`() throws {
        let scratch = try Scratch()
        let model = try TinyModel()
        var configuration = model.configuration
        configuration.encoder.layers = .init(repeating: .init(heads: 2, intermediate: 6), count: 1000)
        configuration.encoder.hidden = 65536
        try ModelFolder.write(
            to: scratch.file("m"), configuration: configuration, tensors: model.tensors, tokenizerFrom: nil)
        let directory = try ModelFolder(path: scratch.file("m"))
        let message = failure { _ = try directory.openWeights() }
        #expect(message.contains("but config.json describes a model of at least"))
    }

    @Test func `shards of a folder are found`() throws {
        let scratch = try Scratch()
        let model = try TinyModel()
        try FileManager.default.createDirectory(atPath: scratch.file("m"), withIntermediateDirectories: true)
        try model.configuration.json().write(to: URL(fileURLWithPath: scratch.file("m/config.json")))
        let half = model.tensors.count / 2
        try SafetensorsWriter.write(Array(model.tensors[..<half]), to: scratch.file("m/1.safetensors"))
        try SafetensorsWriter.write(Array(model.tensors[half...]), to: scratch.file("m/2.safetensors"))
        let map = model.tensors.enumerated().map { "\"\($1.name)\":\"\($0 < half ? 1 : 2).safetensors\"" }
        try scratch.write("{\"weight_map\":{\(map.joined(separator: ","))}}", "m/model.safetensors.index.json")
        let weights = try ModelFolder(path: scratch.file("m")).openWeights()
        #expect(weights.names.count == model.tensors.count)
        for tensor in model.tensors {
            var floats = [Float](repeating: 0, count: tensor.data.count / 4)
            try floats.withUnsafeMutableBufferPointer { try weights.readFloats(tensor.name, into: $0) }
            #expect(floats.withUnsafeBytes { $0.elementsEqual(tensor.data) })
        }
    }

    @Test func `a place that is taken is refused and left alone`() throws {
        let scratch = try Scratch()
        let model = try TinyModel()
        func write() throws {
            try ModelFolder.write(
                to: scratch.file("m"), configuration: model.configuration, tensors: model.tensors, tokenizerFrom: nil)
        }
        try scratch.write("a file", "m")
        #expect(failure(write) == "\(scratch.file("m")): there is a file where a folder is wanted")
        try FileManager.default.removeItem(atPath: scratch.file("m"))
        try FileManager.default.createDirectory(atPath: scratch.file("m"), withIntermediateDirectories: true)
        try scratch.write("mine", "m/mine")
        #expect(failure(write).contains("the folder is not empty; choose another one"))
        #expect(try scratch.names("m") == ["mine"])
        try FileManager.default.removeItem(atPath: scratch.file("m/mine"))
        try write()
        #expect(try scratch.names("m") == ["config.json", "model.safetensors"])
        #expect(try scratch.names() == ["m"])
    }

    @Test func `a failure in the middle leaves nothing`() throws {
        let scratch = try Scratch()
        let model = try TinyModel()
        var wrong = model.tensors
        wrong[3].shape = [77]
        let path = scratch.file("m")
        let shape = failure {
            try ModelFolder.write(to: path, configuration: model.configuration, tensors: wrong, tokenizerFrom: nil)
        }
        #expect(shape.hasPrefix("\(path)/model.safetensors: cannot be written: tensor \"bert.pooler.dense.bias\""))
        #expect(try scratch.names() == [])
        let twice = failure {
            try ModelFolder.write(
                to: path, configuration: model.configuration, tensors: model.tensors + [model.tensors[0]],
                tokenizerFrom: nil)
        }
        #expect(twice.contains("the name \"classifier.weight\" is taken"))
        let tokenizer = failure {
            try ModelFolder.write(
                to: path, configuration: model.configuration, tensors: model.tensors, tokenizerFrom: scratch.path)
        }
        #expect(
            tokenizer
                == "\(scratch.path): there is no tokenizer to copy: none of vocab.txt, tokenizer.json, vocab.json, "
                + "sentencepiece.bpe.model")
        var configuration = model.configuration
        configuration.labels = ["a", "a"]
        let labels = failure {
            try ModelFolder.write(to: path, configuration: configuration, tensors: model.tensors, tokenizerFrom: nil)
        }
        #expect(labels == "\(path)/config.json: id2label has the label \"a\" twice")
        #expect(try scratch.names() == [])
    }
}
