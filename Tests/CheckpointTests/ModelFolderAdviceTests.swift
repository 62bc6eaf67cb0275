import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct ModelFolderAdviceTests {
    private func folder(_ scratch: Scratch, _ names: [String]) throws {
        for name in names {
            let place = URL(fileURLWithPath: scratch.file(name))
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("{}".utf8).write(to: place)
        }
    }

    @Test(arguments: [
        (["0_Transformer/config.json", "modules.json", "1_Pooling/config.json"], "give @/0_Transformer"),
        (["blobs/x", "snapshots/abc/config.json", "refs/main"], "give @/snapshots/abc"),
        (["blobs/x", "snapshots/abc/x"], "give @/snapshots/abc"),
        (["run.yaml", "model/config.json"], "give @/model"),
        (["run.yaml", "checkpoints/step-00000007/config.json"], "newest checkpoint, @/checkpoints/step-00000007"),
        (["run.yaml"], "has written neither a model nor a checkpoint yet"),
        (["a/config.json", "b/config.json"], "it holds 2 model folders: give one of them, such as @/a"),
        (["x"], "a model folder holds config.json and model.safetensors"),
    ])
    func `a folder that only contains a model is told apart`(names: [String], expected: String) throws {
        let scratch = try Scratch()
        try folder(scratch, names)
        let message = failure { _ = try ModelDirectory(path: scratch.path) }
        #expect(message.hasPrefix("\(scratch.path)/config.json: missing; "))
        #expect(message.contains(expected.replacing("@", with: scratch.path)), "\(message)")
    }

    @Test(arguments: [
        ("adapter_config.json", "merge it into its model"), ("onnx/model.onnx", "an ONNX model"),
        ("pytorch_model.bin", "save_pretrained"), ("x", "a model folder holds"),
    ])
    func `weights of another kind are named as that`(name: String, expected: String) throws {
        let scratch = try Scratch()
        try folder(scratch, [name])
        try Data(#"{"model_type":"bert"}"#.utf8).write(to: URL(fileURLWithPath: scratch.file("config.json")))
        let message = failure { _ = try ModelDirectory(path: scratch.path) }
        #expect(message.contains("model.safetensors: missing") && message.contains(expected), "\(message)")
    }

    @Test func `weights that are something else are named as that`() throws {
        let scratch = try Scratch()
        let cases: [([UInt8], String)] = [
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n".utf8), "`git lfs pull`"),
            (Array("<!doctype html>\n<html>".utf8), "is a web page"),
            ([0x50, 0x4B, 3, 4] + Array("archive".utf8), "zip"),
            ([0x1F, 0x8B, 8] + Array("packed bytes".utf8), "gunzip"), (Array("Entry not found".utf8), "error message"),
        ]
        for (bytes, expected) in cases {
            let path = try scratch.write(bytes)
            let message = failure { _ = try SafetensorsFile(path: path) }
            #expect(message.hasPrefix("\(path): is ") && message.contains(expected), "\(message)")
        }
        // Any length of a header that makes sense is one.
        let header = "{" + String(repeating: " ", count: 0x08_8B1F - 2) + "}"
        #expect(try SafetensorsFile(path: scratch.write(safetensors(header, data: 0))).tensors.isEmpty)
    }
}
