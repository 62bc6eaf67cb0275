import Foundation
import Testing

@testable import Cluster

/// Runs of each method by the program's own commands: what a run has written of itself makes it again, and an
/// interrupted one goes on.
@Suite(.serialized) struct RepeatedMethodTests {
    private static let methods: [[String]] = [
        [], ["--method", "probe"], ["--method", "contrastive", "--steps", "4"],
        ["--method", "contrastive", "--contrastive-loss", "pairs", "--steps", "4"],
        ["--method", "finetune", "--head-first", "--steps", "4"], ["--method", "distill", "--steps", "4"],
    ]

    @Test(.timeLimit(.minutes(10)), arguments: methods)
    private func `run.yaml makes a run again, and resume goes on`(method: [String]) throws {
        let world = try TinyWorld()
        func run(_ arguments: [String]) throws -> String {
            let (code, process) = try ShoalProcess.run(arguments, in: world.folder)
            #expect(code == 0, "\(process.errors)")
            return process.output
        }
        // From the folder of the files, whose names are not whole paths then.
        let arguments = [
            "train", "--model", "model", "--train", "train.csv", "--test", "test.csv", "--checkpoint-every", "2",
        ]
        let takesSteps = method.contains("--steps")
        _ = try run((takesSteps ? arguments : arguments.dropLast(2)) + method + ["--output", "first"])
        let hash = try #require(try world.json("first/result.json")["weights_sha256"] as? String)
        _ = try run(["train", "--config", world.path("first/run.yaml"), "--output", world.path("second")])
        #expect(try world.json("second/result.json")["weights_sha256"] as? String == hash)
        // As after an interruption: with a checkpoint in the middle, or with nothing.
        for file in ["result.json", "model", "checkpoints/step-00000004"] where world.exists("first/\(file)") {
            try FileManager.default.removeItem(atPath: world.path("first/\(file)"))
        }
        #expect(!takesSteps || world.exists("first/checkpoints/step-00000002"))
        _ = try run(["resume", world.path("first")])
        #expect(try world.json("first/result.json")["weights_sha256"] as? String == hash)
    }
}
