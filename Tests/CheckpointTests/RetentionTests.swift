import Foundation
import Support
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct RetentionTests {
    private static let ranking = CheckpointRanking(key: "validation_accuracy", isHigherBetter: true)

    private func write(_ run: String, step: Int, accuracy: Double? = nil, loss: Double = 1) throws {
        let model = TinyModel()
        var state = TrainerState(step: step, epoch: 0, seed: 1)
        if let accuracy { state.metrics = ["validation_accuracy": accuracy, "validation_loss": loss] }
        try CheckpointFolder.write(
            to: run, state: state, firstMoments: [], secondMoments: [], writeModel: model.write)
    }

    private func steps(_ run: String) throws -> [Int] { try CheckpointFolder.list(in: run).map(\.step) }

    @Test func `the newest are kept`() throws {
        let scratch = try Scratch()
        for step in 1...5 { try write(scratch.path, step: step) }
        #expect(
            try CheckpointFolder.prune(in: scratch.path, keepNewest: 2, best: Self.ranking).map(\.step) == [3, 2, 1])
        #expect(try steps(scratch.path) == [5, 4])
        #expect(try CheckpointFolder.prune(in: scratch.path, keepNewest: 7, best: Self.ranking) == [])
        #expect(
            try scratch.names("checkpoints") == ["step-00000004", "step-00000005"], "nothing is left of the others")
        #expect(try CheckpointFolder.best(in: scratch.path, by: Self.ranking) == nil)
    }

    @Test func `the best is kept though it is old`() throws {
        let scratch = try Scratch()
        try write(scratch.path, step: 1, accuracy: 0.5)
        try write(scratch.path, step: 2, accuracy: 0.9, loss: 0.4)
        try write(scratch.path, step: 3, accuracy: 0.9, loss: 0.3)
        try write(scratch.path, step: 4, accuracy: 0.9, loss: 0.3)
        for step in 5...6 { try write(scratch.path, step: step, accuracy: 0.8) }
        try write(scratch.path, step: 7, accuracy: .nan)
        #expect(try CheckpointFolder.best(in: scratch.path, by: Self.ranking)?.step == 4, "of equals the newest")
        try CheckpointFolder.prune(in: scratch.path, keepNewest: 1, best: Self.ranking)
        #expect(try steps(scratch.path) == [7, 4])
    }

    @Test func `of a figure of which less is better the checkpoint with the least is kept`() throws {
        let scratch = try Scratch()
        for (step, value) in [0.5, 0.2, 0.2, 0.9].enumerated() {
            try write(scratch.path, step: step + 1, accuracy: value, loss: Double(step))
        }
        let ranking = CheckpointRanking(key: "validation_accuracy", isHigherBetter: false)
        #expect(try CheckpointFolder.best(in: scratch.path, by: ranking)?.step == 2, "of equals that of the least loss")
        #expect(
            try CheckpointFolder.best(in: scratch.path, by: CheckpointRanking(key: "other", isHigherBetter: true))
                == nil)
        try CheckpointFolder.prune(in: scratch.path, keepNewest: 1, best: ranking)
        #expect(try steps(scratch.path) == [4, 2])
    }

    @Test func `damaged checkpoints count for nothing`() throws {
        let scratch = try Scratch()
        for step in 1...6 { try write(scratch.path, step: step, accuracy: Double(step) / 10) }
        try FileManager.default.removeItem(atPath: scratch.file("checkpoints/step-00000006/manifest.json"))
        try Data("{".utf8).write(
            to: URL(fileURLWithPath: scratch.file("checkpoints/step-00000004/trainer_state.json")))
        try CheckpointFolder.prune(in: scratch.path, keepNewest: 2, best: Self.ranking)
        // What is newer than the newest whole one is left for people to look at.
        #expect(try steps(scratch.path) == [6, 5, 3])
        #expect(try CheckpointFolder.best(in: scratch.path, by: Self.ranking)?.step == 5)
    }

    @Test func `other folders are left alone`() throws {
        let scratch = try Scratch()
        #expect(try CheckpointFolder.prune(in: scratch.path, keepNewest: 1, best: Self.ranking) == [])
        for step in 1...3 { try write(scratch.path, step: step) }
        for name in ["notes", "step-7", "step-00000009x"] {
            try AtomicDirectory.makeFolders(scratch.file("checkpoints/\(name)"))
        }
        try CheckpointFolder.prune(in: scratch.path, keepNewest: 1, best: Self.ranking)
        #expect(try scratch.names("checkpoints") == ["notes", "step-00000003", "step-00000009x", "step-7"])
    }
}
