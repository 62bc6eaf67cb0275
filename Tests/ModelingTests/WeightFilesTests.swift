import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// One model in all the kinds of files, types of numbers and names of tensors that `transformers` has written over the
/// years: `Fixtures/export_weights.py`.
@Suite struct WeightFilesTests {
    /// A folder with config.json and these files of `Fixtures/weights`, under other names.
    func folder(_ scratch: Scratch, _ files: KeyValuePairs<String, String>) throws -> String {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
            .appendingPathComponent("weights").path
        let path = scratch.file("m")
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(fixtures)/config.json", toPath: "\(path)/config.json")
        for (file, name) in files {
            try FileManager.default.copyItem(atPath: "\(fixtures)/\(file)", toPath: "\(path)/\(name)")
        }
        return path
    }

    func load(_ path: String) throws -> WeightLoader.Loaded {
        let folder = try ModelFolder(path: path)
        let model = folder.configuration.classifier()
        return try WeightLoader.load(folder, model, layout: ParameterLayout(model), missingHead: .fail)
    }

    func floats(_ weights: FloatBuffer) -> [UInt32] { (0..<weights.count).map { weights.pointer[$0].bitPattern } }

    @Test(
        arguments: [
            ["half.safetensors": "model.safetensors"], ["bfloat.safetensors": "model.safetensors"],
            ["old.safetensors": "model.safetensors"], ["short.safetensors": "model.safetensors"],
            ["old_short.safetensors": "model.safetensors"], ["whole.bin": "pytorch_model.bin"],
            ["half.bin": "pytorch_model.bin"], ["bfloat_old_short.bin": "pytorch_model.bin"],
            [
                "model.safetensors.index.json": "model.safetensors.index.json",
                "part-0.safetensors": "part-0.safetensors",
                "part-1.safetensors": "part-1.safetensors",
            ],
            [
                "pytorch_model.bin.index.json": "pytorch_model.bin.index.json", "part-0.bin": "part-0.bin",
                "part-1.bin": "part-1.bin",
            ],
            // Safetensors are preferred.
            ["whole.safetensors": "model.safetensors", "config.json": "pytorch_model.bin"],
        ] as [KeyValuePairs<String, String>])
    func `every kind of file gives the same weights`(files: KeyValuePairs<String, String>) throws {
        let scratch = try Scratch()
        let expected = try load(folder(scratch, ["whole.safetensors": "model.safetensors"]))
        #expect(expected.unused.isEmpty)
        let loaded = try load(folder(scratch, files))
        #expect(floats(loaded.weights) == floats(expected.weights))
        #expect(Set(floats(loaded.weights)).count > 100)
        #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
    }

    @Test func `a tensor that is missing in a pickle is named`() throws {
        let scratch = try Scratch()
        let path = try folder(scratch, ["part-1.bin": "pytorch_model.bin"])
        let message = failure { _ = try load(path) }
        #expect(message.contains("m/pytorch_model.bin: holds"), "\(message)")
        let empty = try folder(scratch, [:])
        #expect(
            failure { _ = try load(empty) }.contains("holds config.json and model.safetensors, or pytorch_model.bin"))
    }
}
