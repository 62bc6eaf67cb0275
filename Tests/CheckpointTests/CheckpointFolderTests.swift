import Foundation
import Support
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct CheckpointFolderTests {
    static let files = [
        "config.json", "manifest.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json",
    ]

    func state(_ step: Int) -> TrainerState {
        TrainerState(
            step: step, epoch: 2, seed: .max, appliedSteps: 119,
            schedule: ["plateau.best": .infinity, "plateau.scale": 0.1, "bad": 1 / 3], metrics: ["accuracy": 0.9],
            notes: ["data": "é"])
    }

    @discardableResult
    func write(_ run: String, step: Int, model: TinyModel) throws -> CheckpointFolder {
        try CheckpointFolder.write(
            to: run, state: state(step), firstMoments: model.tensors, secondMoments: model.tensors,
            writeModel: model.write)
    }

    @Test func `a checkpoint is written, verified and read back`() throws {
        let scratch = try Scratch()
        let model = TinyModel()
        let checkpoint = try write(scratch.path, step: 120, model: model)
        #expect(checkpoint.path == scratch.file("checkpoints/step-00000120"))
        #expect(try scratch.names("checkpoints") == ["step-00000120"])
        #expect(try scratch.names("checkpoints/step-00000120") == Self.files)
        try checkpoint.verify()
        var expected = state(120)
        expected.weightsSHA256 = try weightsSHA256(safetensors: checkpoint.path + "/model.safetensors")
        #expect(try checkpoint.loadState() == expected)
        let moments = try checkpoint.openOptimizer()
        #expect(moments.tensors.count == 2 * model.tensors.count)
        let tensor = model.tensors[2]
        let name = CheckpointFolder.Moment.second.name(of: tensor.name)
        #expect(name == "second_moment.table.weight")
        #expect(try moments.withBytes(of: name) { $0.elementsEqual(tensor.data) })
    }

    @Test func `the same step is replaced, and the list is newest first`() throws {
        let scratch = try Scratch()
        let model = TinyModel()
        #expect(try CheckpointFolder.list(in: scratch.path) == [])
        #expect(try CheckpointFolder.newestWhole(in: scratch.path) == nil)
        for step in [5, 100, 20, 123_456_789, 100] { try write(scratch.path, step: step, model: model) }
        for name in [".step-00000200.partial-1-x", "step-7", "step-0000000x", "step-", "best", "step-000000100"] {
            try AtomicDirectory.makeFolders(scratch.file("checkpoints/\(name)"))
        }
        #expect(try CheckpointFolder.list(in: scratch.path).map(\.step) == [123_456_789, 100, 20, 5])
        #expect(try CheckpointFolder.newestWhole(in: scratch.path)?.step == 123_456_789)
    }

    @Test(arguments: files) func `one changed byte is found and named, and the one before is taken`(name: String) throws
    {
        let scratch = try Scratch()
        let model = TinyModel()
        try write(scratch.path, step: 1, model: model)
        let path = try write(scratch.path, step: 2, model: model).path + "/" + name
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        try expectSkipped(scratch, naming: path)
    }

    @Test(arguments: files) func `a lost or short file is found and named`(name: String) throws {
        let scratch = try Scratch()
        let model = TinyModel()
        try write(scratch.path, step: 1, model: model)
        let path = try write(scratch.path, step: 2, model: model).path + "/" + name
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.dropLast(3).write(to: URL(fileURLWithPath: path))
        try expectSkipped(scratch, naming: path)
        try Data().write(to: URL(fileURLWithPath: path))
        try expectSkipped(scratch, naming: path)
        try FileManager.default.removeItem(atPath: path)
        try expectSkipped(scratch, naming: path)
    }

    func expectSkipped(_ scratch: Scratch, naming path: String) throws {
        var skipped: [String] = []
        let newest = try CheckpointFolder.newestWhole(in: scratch.path) { skipped.append("\($0.step) \($1)") }
        #expect(newest?.step == 1)
        #expect(skipped.count == 1)
        #expect(skipped.first?.hasPrefix("2 ") == true)
        // A changed byte in the manifest may show as another file that no longer fits it.
        #expect(path.hasSuffix("manifest.json") || skipped.first?.hasPrefix("2 \(path): ") == true, "\(skipped)")
    }

    @Test func `a manifest that leaves something out or leads elsewhere is refused`() throws {
        let scratch = try Scratch()
        let checkpoint = try write(scratch.path, step: 1, model: TinyModel())
        try scratch.write(#"{"version":1,"files":{}}"#, "checkpoints/step-00000001/manifest.json")
        #expect(failure { try checkpoint.verify() }.contains("does not list config.json"))
        try scratch.write(
            #"{"version":1,"files":{"../../x":{"bytes":1,"sha256":""}}}"#, "checkpoints/step-00000001/manifest.json")
        #expect(failure { try checkpoint.verify() }.contains("no plain file name"))
        try scratch.write(#"{"version":2,"files":{}}"#, "checkpoints/step-00000001/manifest.json")
        #expect(failure { try checkpoint.verify() }.contains("has version 2"))
        try scratch.write(#"{"version":1,"files":{"a":{"bytes":1}}}"#, "checkpoints/step-00000001/manifest.json")
        #expect(failure { try checkpoint.verify() }.contains("\"files.a.sha256\" is missing"))
        try scratch.write(String(repeating: "[", count: 100_000), "checkpoints/step-00000001/manifest.json")
        #expect(failure { try checkpoint.verify() }.contains("not valid JSON: nested more than"))
    }

    @Test func `a checkpoint under another step's name is refused`() throws {
        let scratch = try Scratch()
        let checkpoint = try write(scratch.path, step: 1, model: TinyModel())
        try FileManager.default.moveItem(atPath: checkpoint.path, toPath: scratch.file("checkpoints/step-00000009"))
        let moved = try #require(try CheckpointFolder.list(in: scratch.path).first)
        #expect(failure { try moved.verify() }.contains("is of step 1, its folder of 9"))
    }

    @Test func `a failure in the middle leaves the old one`() throws {
        let scratch = try Scratch()
        let model = TinyModel()
        try write(scratch.path, step: 1, model: model)
        var wrong = model.tensors
        wrong[0].shape = [9]
        let message = failure {
            try CheckpointFolder.write(
                to: scratch.path, state: state(1), firstMoments: model.tensors, secondMoments: wrong,
                writeModel: model.write)
        }
        #expect(
            message.hasPrefix("\(scratch.file("checkpoints/step-00000001/optimizer.safetensors")): cannot be written"))
        #expect(try scratch.names("checkpoints") == ["step-00000001"])
        #expect(try CheckpointFolder.newestWhole(in: scratch.path)?.step == 1)
    }
}
