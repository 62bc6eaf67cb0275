import Foundation
import TestSupport
import Testing

@testable import Modeling

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
        (["0_Transformer/config.json", "1_Pooling/config.json"], "give @/0_Transformer"),
        (["blobs/x", "snapshots/abc/config.json", "refs/main"], "give @/snapshots/abc"),
        (["blobs/x", "snapshots/abc/x"], "give @/snapshots/abc"),
        (["run.yaml", "model/config.json"], "give @/model"),
        (["run.yaml", "checkpoints/step-00000007/config.json"], "newest checkpoint, @/checkpoints/step-00000007"),
        (["run.yaml"], "has written neither a model nor a checkpoint yet"),
        (["a/config.json", "b/config.json"], "it holds 2 model folders: give one of them, such as @/a"),
        (["x"], "a model folder holds config.json and model.safetensors"),
    ])
    func `a folder that only contains a model is recognized`(names: [String], expected: String) throws {
        let scratch = try Scratch()
        try folder(scratch, names)
        let message = failure { _ = try ModelFolder(path: scratch.path) }
        #expect(message.hasPrefix("\(scratch.path)/config.json: missing; "))
        #expect(message.contains(expected.replacing("@", with: scratch.path)), "\(message)")
    }

    @Test(arguments: [
        ("adapter_config.json", "merge the two by"), ("onnx/model.onnx", "an ONNX model"),
        ("tf_model.h5", "save_pretrained"), ("x", "a model folder holds"),
    ])
    func `weights of another kind are named as that`(name: String, expected: String) throws {
        let scratch = try Scratch()
        try folder(scratch, [name])
        try Data(#"{"model_type":"bert"}"#.utf8).write(to: URL(fileURLWithPath: scratch.file("config.json")))
        let message = failure { _ = try ModelFolder(path: scratch.path) }
        #expect(message.contains("model.safetensors: missing") && message.contains(expected), "\(message)")
    }
}
