import Foundation
import Testing

@testable import Cluster

/// Runs with R-Drop, with real computing.
@Suite(.serialized) struct RegularizedDropoutRunTests {
    @Test(.timeLimit(.minutes(10)), arguments: [false, true])
    func `workers, kills and resuming do not change a bit`(isHeadFirst: Bool) async throws {
        let world = try TinyWorld()
        let result = try await TinyRun.requireSameBits(world, FineTuning()) {
            ($0.epochs, $0.steps, $0.rDrop, $0.dropout) = (nil, 6, 4, 0.2)
            if isHeadFirst { ($0.headFirst, $0.learningRate) = (true, 1e-3) }
        }
        #expect(result.steps == 6)
    }

    @Test func `the factor decides the weights, and texts with several labels can have it`() async throws {
        let world = try TinyWorld()
        var found: Set<String> = []
        for (number, factor) in [nil, 0.5, 5].enumerated() as EnumeratedSequence<[Double?]> {
            let result = try await TinyRun.run(world, FineTuning(), "run\(number)", workers: 1) {
                ($0.epochs, $0.steps, $0.rDrop, $0.dropout) = (nil, 3, factor, 0.1)
            }
            found.insert(result.weightsSHA256)
        }
        #expect(found.count == 3)
        let several = try TinyWorld()
        for name in ["train.csv", "test.csv"] {
            let text = try String(contentsOfFile: several.path(name), encoding: .utf8)
            try several.write(
                name, text.replacing("\nfish,", with: "\n\"fish,fruit\",").replacing("label,", with: "labels,"))
        }
        let (code, process) = try ShoalProcess.run(
            several.train("out", ["--r-drop", "2", "--steps", "3", "--task", "multi-label"]), in: several.folder)
        #expect(code == 0, "\(process.errors)")
    }

    @Test func `what does not fit is refused by name`() throws {
        let world = try TinyWorld()
        try world.write("scores.csv", "label,text\n0.5,cod\n1.5,fig\n2.5,iron\n")
        func refused(_ more: [String], _ culprits: [String]) throws {
            let (code, process) = try ShoalProcess.run(
                [
                    "train", "--model", world.path("model"), "--train", world.path("train.csv"), "--output",
                    world.path("out"), "--r-drop", "1",
                ] + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in ["--r-drop"] + culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        try refused(["--dropout", "0"], ["--dropout"])
        try refused(["--method", "contrastive"], ["contrastive"])
        try refused(["--method", "probe"], ["probe"])
        try refused(["--r-drop", "0"], ["above 0"])
        try refused(
            ["--task", "regression", "--train", world.path("scores.csv")], ["regression", "probabilities"])
        try world.writeModel("still") { ($0.encoder.hiddenDropout, $0.encoder.attentionDropout) = (0, 0) }
        let folder = try String(contentsOfFile: world.path("still/config.json"), encoding: .utf8)
        #expect(folder.contains("\"hidden_dropout_prob\""))
        try refused(["--model", world.path("still"), "--method", "finetune"], ["the model has none", "--dropout 0.1"])
        let (code, process) = try ShoalProcess.run(
            [
                "pretrain", "--model", world.path("model"), "--train", world.path("train.csv"), "--output",
                world.path("out"), "--r-drop", "1",
            ], in: world.folder)
        #expect(code != 0 && process.errors.contains("--r-drop"))
    }
}
